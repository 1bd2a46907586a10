"""What a solution predicts, and how good that is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basin.core.protocols import Examples
from basin.training.distributed import Ranks
from basin.training.precision import Precision

BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017, arXiv:1706.04599, section 4)."""


@torch.no_grad()
def predict(
    model: nn.Module,
    examples: Examples,
    prepare: Callable[[Tensor], Tensor],
    *,
    precision: Precision,
    batch_size: int,
) -> tuple[Tensor, Tensor]:
    """Logits (N, K), at least float32, of a module in eval mode over examples; targets (N,).

    Each rank computes its share of them, and gets all.
    """
    ranks = Ranks()
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    logits, truth = [], []
    rows = torch.arange(len(examples), device=examples.labels.device)
    rows = rows[ranks.share(len(rows))]
    requests = ((part, None) for part in rows.split(batch_size))
    for images, labels in examples.stream(requests):
        with precision.autocast():  # one a batch: weights may change between two of them
            batch = model(prepare(images))
        logits.append(batch.to(torch.promote_types(batch.dtype, torch.float32)))
        truth.append(labels)
    for module, training in modes:
        module.training = training
    num = len(examples)
    return ranks.gather(torch.cat(logits), num), ranks.gather(torch.cat(truth), num)


def score(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Top-1 and top-5 error (per cent), NLL (nats) and ECE (in [0, 1]) of logits (N, K)."""
    from torchmetrics.functional.classification import multiclass_calibration_error

    num_classes = logits.shape[1]
    top = logits.topk(min(5, num_classes), dim=1).indices == labels[:, None]  # (N, 5)
    calibration = multiclass_calibration_error(
        logits.softmax(1), labels, num_classes=num_classes, n_bins=BINS, norm="l1"
    )
    values = torch.stack(
        [
            100 - 100 * top[:, 0].float().mean(),
            100 - 100 * top.any(1).float().mean(),
            F.cross_entropy(logits, labels).float(),
            calibration.float(),
        ]
    )
    return dict(zip(("error", "error5", "nll", "ece"), values.tolist(), strict=True))
