"""Images enlarged by BiT's resolution rule (Kolesnikov et al. 2020, arXiv:1912.11370, 3.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from basin.core.protocols import Dataset, Draws, Examples, Request
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.wrapped import Wrapped, resident


@dataclass(frozen=True, kw_only=True)
class Enlarged(Wrapped):
    """The base's images, resized as they are drawn; nothing enlarged is kept in memory.

    Training images become squares of `resize` pixels a side, of which a random square of `crop` is
    cut; validation and test images become squares of `crop`. [resize, crop] is `small` where the
    base's images have fewer than below^2 pixels, otherwise `large`. The flip is augment=flip.
    Differs: bilinear numbers are rounded to pixels, as PIL does, but in torch's arithmetic.
    """

    below: int  # pixels a side
    small: Sequence[int]  # [resize, crop], pixels a side
    large: Sequence[int]

    def __post_init__(self) -> None:
        for name, pair in (("small", self.small), ("large", self.large)):
            if len(pair) != 2 or not 1 <= pair[1] <= pair[0]:
                raise ValueError(
                    f"dataset.{name}={list(pair)} must be two sides, of the image and of a crop"
                    " that is no larger: [160, 128]"
                )

    @property
    def sides(self) -> tuple[int, int]:
        """Of a training image, and of what the model sees."""
        _, height, width = self.base.facts.shape
        resize, crop = self.small if height * width < self.below**2 else self.large
        return resize, crop

    @property
    def facts(self) -> Facts:
        """Larger images."""
        facts: Facts = self.base.facts
        crop = self.sides[1]
        return replace(facts, shape=(facts.shape[0], crop, crop))

    def load(self) -> Dataset:
        """The base, behind the enlargement."""
        data: Dataset = self.base.load()

        def enlarged(part: Examples) -> Resized:
            return Resized(resident(part, "enlarged"), *self.sides)

        return replace(
            data,
            train=enlarged(data.train),
            validation=None if data.validation is None else enlarged(data.validation),
            test=enlarged(data.test),
            shape=self.facts.shape,
        )


class Resized:
    """Examples whose images are resized when they are fetched."""

    skipped: Collection[str] = ()

    def __init__(self, part: Resident, resize: int, crop: int) -> None:
        self._part, self._resize, self._crop = part, resize, crop
        self.labels = part.labels

    def __len__(self) -> int:
        return len(self._part)

    def fetch(self, indices: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Images (B, C, crop, crop) uint8, channels_last, and labels (B,)."""
        images, labels = self._part.fetch(indices)
        if draws is None:
            return square(images, self._crop), labels
        images = square(images, self._resize)
        corners = draws.integers("corner", self._resize - self._crop + 1, num=2)  # (B, 2), y and x
        inside = torch.arange(self._crop, device=images.device)
        rows, columns = (corners[:, i, None] + inside for i in (0, 1))  # (B, crop)
        which = torch.arange(len(images), device=images.device)[:, None, None]
        pixels = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]
        return pixels.permute(0, 3, 1, 2), labels

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[Tensor, Tensor]]:
        """`fetch` of each request."""
        for indices, draws in requests:
            yield self.fetch(indices, draws)

    def to(self, device: Any) -> Resized:
        """The same examples on a device."""
        return Resized(self._part.to(device), self._resize, self._crop)

    def relabelled(self, labels: Tensor) -> Resized:
        """The same images with other labels (N,)."""
        return Resized(self._part.relabelled(labels), self._resize, self._crop)


def square(images: Tensor, side: int) -> Tensor:
    """Pixels (B, C, H, W) uint8 as (B, C, side, side): bilinear, smoothed where that is smaller."""
    floats = F.interpolate(
        images.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    pixels = floats.round().clamp(0, 255).to(torch.uint8)
    return pixels.contiguous(memory_format=torch.channels_last)
