"""A square of zeros in every image (DeVries and Taylor 2017, arXiv:1708.04552), section 3.2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from basin.core.protocols import Draws

PER = ("image", "batch")


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """Zeros, the mean colour, in a square of `size` pixels about a uniform pixel, clipped.

    per: a centre for each `image`, which is cut with `probability`; or one square for the whole
    `batch`, where the first example's draws decide.
    """

    size: int
    probability: float
    per: str

    after_normalisation = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"cutout size={self.size} must be 1 pixel or more")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"cutout probability={self.probability} must be 0 to 1")
        if self.per not in PER:
            raise ValueError(f"cutout per={self.per!r} is not one of {', '.join(PER)}")

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), normalised, with their squares; targets as they were."""
        height, width = images.shape[2:]
        y, x = draws.integers("y", height), draws.integers("x", width)  # (B, 1)
        cut = draws.uniform("cut") < self.probability  # (B, 1)
        if self.per == "batch":
            y, x, cut = y[:1], x[:1], cut[:1]
        rows = inside(y, self.size, height) & cut
        square = rows[:, None, :, None] & inside(x, self.size, width)[:, None, None, :]
        return images * ~square, targets  # keeps the layout, as masked_fill does not


def inside(centre: Tensor, size: int, length: int) -> Tensor:
    """(B, length): the pixels of a square that begins size // 2 before its centre (B, 1)."""
    offset = torch.arange(length, device=centre.device) - (centre - size // 2)
    return (offset >= 0) & (offset < size)
