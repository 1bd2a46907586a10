"""Images minus the mean training image, without division (SGDR, arXiv:1608.03983)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.resident import Resident
from basin.dataset.wrapped import Wrapped, resident


@dataclass(frozen=True, kw_only=True)
class PixelMean(Wrapped):
    """x / 255 minus the mean of the base's training images at each pixel, as float32."""

    @property
    def facts(self) -> Facts:
        """Normalised images."""
        facts: Facts = self.base.facts
        return replace(facts, images=torch.float32)

    def load(self) -> Dataset:
        """The base, centred."""
        data: Dataset = self.base.load()
        train = resident(data.train, "pixel_mean")
        mean = train.images.double().mean(0) / 255  # (C, H, W)
        return transformed(data, "pixel_mean", lambda images: images / 255 - mean.float())


def transformed(data: Dataset, option: str, function: Callable[[Tensor], Tensor]) -> Dataset:
    """All parts of a data set with `function` of their images (n, C, H, W), a thousand a time."""

    def changed(part: Resident) -> Resident:
        pieces = [function(piece.float()) for piece in part.images.split(1000)]
        return Resident(torch.cat(pieces), part.labels)

    validation = data.validation
    return replace(
        data,
        train=changed(resident(data.train, option)),
        validation=None if validation is None else changed(resident(validation, option)),
        test=changed(resident(data.test, option)),
    )
