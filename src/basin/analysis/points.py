"""The loss of one network on all data, with BN statistics of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basin.core.batchnorm import reestimate_

Pass = Callable[[], Iterator[tuple[Tensor, Tensor]]]
"""One pass over a part of a data set: images (B, C, H, W) and targets (B,) or (B, K)."""
SCORES = ("train_loss", "train_nll", "train_error", "test_loss", "test_nll", "test_error")


@torch.no_grad()
def measure(
    network: nn.Module, *, train: Pass, test: Pass, weight_decay: float
) -> dict[str, float]:
    """SCORES of a network, whose BN statistics are set to those of the training pass.

    NLL in nats, errors in per cent; a loss is the NLL and weight_decay / 2 |w|^2 over all
    parameters, as the `train loss` of Garipov et al. 2018's tables.
    """
    reestimate_(network, (images for images, _ in train()))
    squares = torch.stack(torch._foreach_norm([p.double() for p in network.parameters()])).square()
    penalty = 0.5 * weight_decay * squares.sum().item()
    result: dict[str, float] = {}
    for part, batches in (("train", train), ("test", test)):
        nll, error = _scores(network, batches)
        result |= {f"{part}_loss": nll + penalty, f"{part}_nll": nll, f"{part}_error": error}
    return result


def _scores(network: nn.Module, batches: Pass) -> tuple[float, float]:
    """Mean NLL, and error in per cent."""
    sums, count = torch.zeros(2, dtype=torch.float64), 0
    for images, targets in batches():
        logits = network(images)
        labels = targets if targets.ndim == 1 else targets.argmax(1)
        nll = F.cross_entropy(logits, targets, reduction="sum")
        wrong = (logits.argmax(1) != labels).sum()
        sums = sums.to(images.device) + torch.stack([nll, wrong]).to(sums.dtype)
        count += len(images)
    nll, wrong = sums.tolist()
    return nll / count, 100 * wrong / count
