"""The 1797 handwritten digits (8 x 8, one channel) that are part of scikit-learn.

Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; here its test part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.resident_set import ResidentSet
from basin.dataset.split import stratified_order

TEST_SEED = 0
"""Seed of the one split into training and test images, which no run's seed changes."""


@dataclass(frozen=True, kw_only=True)
class Digits(ResidentSet):
    """Test images are the last 360 of `stratified_order(labels, TEST_SEED)`, the rest trains.

    Pixels 0..16 become round(255 p / 16).
    """

    facts: ClassVar[Facts] = Facts(train=1437, test=360, num_classes=10, shape=(1, 8, 8))

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        images, labels = _bundled()
        order = stratified_order(labels, TEST_SEED)
        everything, num = Resident(images, labels), self.facts.train
        train, test = (everything.subset(o.sort().values) for o in (order[:num], order[num:]))
        return train, test, tuple("0123456789")


def _bundled() -> tuple[Tensor, Tensor]:
    """Images (N, 1, 8, 8) uint8 and labels (N,) of scikit-learn's copy."""
    from sklearn.datasets import load_digits  # a second to import, so only where it is used

    pixels, labels = load_digits(return_X_y=True)
    scaled = (torch.from_numpy(pixels) * (255 / 16)).round().to(torch.uint8)
    return scaled.view(-1, 1, 8, 8), torch.from_numpy(labels).to(torch.int64)
