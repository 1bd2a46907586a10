"""A box of another image, and its share of the target (Yun et al. 2019, arXiv:1905.04899)."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.augment.mixing import SymmetricBeta, check, partners, soft
from basin.core.protocols import Draws


class Cutmix:
    """A box of area 1 - lambda, lambda ~ Beta(alpha, alpha), centred anywhere, cut at the border.

    One box a minibatch (the authors' code), by the first example's draws. Targets (B, K) are mixed
    by the area of the box that lies inside (algorithm A1). With 1 - `probability` nothing changes.
    """

    after_normalisation = True

    def __init__(self, *, num_classes: int, alpha: float, probability: float) -> None:
        check("cutmix", alpha, probability)
        self._beta, self._probability = SymmetricBeta(alpha), probability
        self._num_classes = num_classes

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), normalised, and targets (B,) or (B, K), mixed."""
        height, width = images.shape[2:]
        side = (1 - self._beta(draws.uniform("weight")[0])).sqrt()  # (1,), of the image's
        rows = _inside(draws.integers("y", height)[0], side, height)
        columns = _inside(draws.integers("x", width)[0], side, width)
        mixes = draws.uniform("mix")[0] < self._probability
        box = rows[:, None] & columns[None, :] & mixes  # (H, W)
        other, labels = partners(draws), soft(targets, self._num_classes)
        kept = 1 - box.float().mean()
        return torch.where(box, images[other], images), torch.lerp(labels[other], labels, kept)


def _inside(centre: Tensor, side: Tensor, length: int) -> Tensor:
    """Pixels of a box that is int(side length) long and reaches half of it to either side."""
    half = (side * length).to(torch.int64) // 2
    pixels = torch.arange(length, device=centre.device)
    return (pixels >= centre - half) & (pixels < centre + half)
