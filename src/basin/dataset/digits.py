"""The 1797 handwritten digits (8 x 8, one channel) that are part of scikit-learn.

Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; here its test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts, check_constants, check_sizes, num_train
from basin.dataset.resident import Resident
from basin.dataset.split import divide, stratified_order

TEST_SEED = 0
"""Seed of the one split into training and test images, which no run's seed changes."""


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Test images are the last 360 of `stratified_order(labels, TEST_SEED)`, the rest trains.

    Pixels 0..16 become round(255 p / 16).
    """

    seed: int  # of validation and limit_train
    mean: Sequence[float]  # of pixels in [0, 1]
    std: Sequence[float]
    validation: int
    limit_train: int | None

    facts: ClassVar[Facts] = Facts(train=1437, test=360, num_classes=10, shape=(1, 8, 8))

    def __post_init__(self) -> None:
        check_sizes(self.facts, validation=self.validation, limit_train=self.limit_train)
        check_constants(self.facts, mean=self.mean, std=self.std)

    @property
    def num_train(self) -> int:
        """Training images of this run."""
        return num_train(self.facts, validation=self.validation, limit_train=self.limit_train)

    def load(self) -> Dataset:
        """Read the images."""
        images, labels = _bundled()
        order = stratified_order(labels, TEST_SEED)
        everything = Resident(images, labels)
        train, validation = divide(
            everything.subset(order[: self.facts.train].sort().values),
            validation=self.validation,
            limit_train=self.limit_train,
            seed=self.seed,
        )
        return Dataset(
            train=train,
            validation=validation,
            test=everything.subset(order[self.facts.train :].sort().values),
            classes=tuple("0123456789"),
            shape=self.facts.shape,
            mean=tuple(self.mean),
            std=tuple(self.std),
        )


def _bundled() -> tuple[Tensor, Tensor]:
    """Images (N, 1, 8, 8) uint8 and labels (N,) of scikit-learn's copy."""
    from sklearn.datasets import load_digits  # a second to import, so only where it is used

    pixels, labels = load_digits(return_X_y=True)
    scaled = (torch.from_numpy(pixels) * (255 / 16)).round().to(torch.uint8)
    return scaled.view(-1, 1, 8, 8), torch.from_numpy(labels).to(torch.int64)
