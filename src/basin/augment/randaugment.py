"""RandAugment (Cubuk et al. 2020, arXiv:1909.13719), for whole minibatches."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.augment.autoaugment import check_fill, check_pixels
from basin.augment.operations import NAMES, SIGNED, apply, strengths
from basin.core.protocols import Draws

CHOICES = NAMES[: NAMES.index("Invert")]
"""The paper's 14 operations: all but Invert, which is the last."""


class RandAugment:
    """`num_operations` (N) of the 14 for each image, uniformly drawn, all of one `magnitude` (M).

    num_magnitudes: M counts from 0 to this less 1, the strongest. fill: level of the pixels that
    come from outside. Signs are drawn.
    """

    after_normalisation = False

    def __init__(
        self, *, num_operations: int, magnitude: int, num_magnitudes: int, fill: int
    ) -> None:
        if num_operations < 1:
            raise ValueError(f"randaugment num_operations={num_operations} must be 1 or more")
        if not 0 <= magnitude < num_magnitudes:
            raise ValueError(
                f"randaugment magnitude={magnitude} must be 0 to {num_magnitudes - 1},"
                f" num_magnitudes={num_magnitudes} less 1"
            )
        check_fill("randaugment", fill)
        self._num, self._magnitude, self._magnitudes = num_operations, magnitude, num_magnitudes
        self._fill = fill
        self._tables: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # by size of the images

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) uint8, changed; targets as they were."""
        check_pixels("randaugment", images)
        size, device = (images.shape[2], images.shape[3]), images.device
        if size not in self._tables:
            strength = strengths(self._magnitudes, size)[:, self._magnitude]
            signed = torch.tensor([name in SIGNED for name in NAMES])
            self._tables[size] = strength.to(device), signed.to(device)
        operations = draws.integers("operation", len(CHOICES), self._num)  # (B, N)
        strength, signed = (table[operations] for table in self._tables[size])
        sign = torch.where(signed, 1 - 2 * draws.integers("sign", 2, self._num), 1)
        for turn in range(self._num):
            amount = (strength * sign)[:, turn]
            images = apply(images, operations[:, turn], amount, self._fill)
        return images, targets
