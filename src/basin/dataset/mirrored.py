"""Each training image and its mirror image, as SGDR's epochs have them (arXiv:1608.03983)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.wrapped import Wrapped, resident


@dataclass(frozen=True, kw_only=True)
class Mirrored(Wrapped):
    """The base's N training images, and then their N mirror images: an epoch is 2N images."""

    @property
    def facts(self) -> Facts:
        """Twice the training images."""
        facts: Facts = self.base.facts
        return replace(facts, train=2 * facts.train, copies=2 * facts.copies)

    @property
    def num_train(self) -> int:
        """Twice the base's."""
        return 2 * int(self.base.num_train)

    def load(self) -> Dataset:
        """The base with the mirror images."""
        data: Dataset = self.base.load()
        train = resident(data.train, "mirrored")
        images = torch.cat([train.images, train.images.flip(3)])
        return replace(data, train=Resident(images, train.labels.repeat(2)))
