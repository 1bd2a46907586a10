"""Synthetic images of any size, for benchmarks and for trying things out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from basin.core.random import bits, derive
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.resident_set import ResidentSet


@dataclass(frozen=True, kw_only=True)
class Fake(ResidentSet):
    """Noise of 0 to 127 plus 127 where the pattern of the class is 1: learnt in an epoch or two.

    Class k has the examples k, k + num_classes, ...; patterns and noise are functions of
    image_seed.
    """

    train: int  # images
    test: int
    num_classes: int
    shape: Sequence[int]  # C, H, W
    image_seed: int

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"dataset.shape={list(self.shape)} must be three sizes, C, H and W")
        for name, count in (("train", self.train), ("test", self.test)):
            if count < 1:
                raise ValueError(f"dataset.{name}={count} must be 1 image or more")
        if not 1 <= self.num_classes <= self.train:
            raise ValueError(
                f"dataset.num_classes={self.num_classes} must be 1 to dataset.train={self.train}"
            )
        super().__post_init__()

    @cached_property
    def facts(self) -> Facts:  # type: ignore[override]
        """As they are asked for."""
        channels, height, width = self.shape
        return Facts(
            train=self.train,
            test=self.test,
            num_classes=self.num_classes,
            shape=(channels, height, width),
        )

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        classes = tuple(f"class {k}" for k in range(self.num_classes))
        return self._part("train", self.train), self._part("test", self.test), classes

    def _part(self, name: str, num: int) -> Resident:
        labels = torch.arange(num) % self.num_classes
        patterns = self._noise("patterns", self.num_classes) >> 7  # 0 or 1
        images = self._noise(name, num) >> 1
        images += 127 * patterns.index_select(0, labels)
        return Resident(images.view(num, *self.shape), labels)

    def _noise(self, name: str, num: int) -> Tensor:
        """(num, C H W) uint8, eight of one counter."""
        size = prod(self.shape)
        words = torch.arange(-(-num * size // 8))
        return (
            bits(derive(self.image_seed, name), words)
            .view(torch.uint8)[: num * size]
            .view(num, size)
        )
