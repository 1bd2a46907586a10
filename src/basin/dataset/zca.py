"""ZCA whitening after global contrast normalisation, as pylearn2 has them (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.pixel_mean import transformed
from basin.dataset.wrapped import Wrapped, resident

SMALLEST = 1e-8
"""Norm below which an image is not divided by it: one of a single colour."""


@dataclass(frozen=True, kw_only=True)
class Zca(Wrapped):
    """(n(x) - m) W, W = (S + regulariser I)^(-1/2), m and S of the base's training part.

    contrast: n(x) is the image minus its own mean, scaled to this norm; null: n(x) = x / 255.
    Images are float32; the statistics are float64.
    """

    contrast: float | None
    regulariser: float

    def __post_init__(self) -> None:
        if self.contrast is not None and self.contrast <= 0:
            raise ValueError(f"dataset.contrast={self.contrast} must be above 0, or null for none")
        if self.regulariser < 0:
            raise ValueError(f"dataset.regulariser={self.regulariser} must be 0 or more")

    @property
    def facts(self) -> Facts:
        """Normalised images."""
        facts: Facts = self.base.facts
        return replace(facts, images=torch.float32)

    def load(self) -> Dataset:
        """The base, whitened."""
        data: Dataset = self.base.load()
        train = resident(data.train, "zca").images
        mean, covariance = moments(train, self.contrast)
        matrix = whitening(covariance, self.regulariser).float()
        shift = mean.float()

        def whiten(images: Tensor) -> Tensor:
            return ((normalised(images, self.contrast) - shift) @ matrix).view_as(images)

        return transformed(data, "zca", whiten)


def normalised(images: Tensor, contrast: float | None) -> Tensor:
    """Images (n, C, H, W) of 0 to 255 as rows (n, C H W)."""
    rows = images.flatten(1)
    if contrast is None:
        return rows / 255
    rows = rows - rows.mean(1, keepdim=True)
    length = rows.norm(dim=1, keepdim=True)
    return rows * torch.where(length < SMALLEST, 1.0, contrast / length)


def moments(images: Tensor, contrast: float | None) -> tuple[Tensor, Tensor]:
    """Mean (P,) and covariance (P, P), float64, of the normalised images."""
    size = images[0].numel()
    total = torch.zeros(size, dtype=torch.float64)
    products = torch.zeros(size, size, dtype=torch.float64)
    for piece in images.split(1000):
        rows = normalised(piece.double(), contrast)
        total += rows.sum(0)
        products += rows.T @ rows
    mean = total / len(images)
    return mean, products / len(images) - mean[:, None] * mean


def whitening(covariance: Tensor, regulariser: float) -> Tensor:
    """(S + regulariser I)^(-1/2), symmetric (P, P)."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0) + regulariser
    if not values.min() > 0:
        raise ValueError(
            f"dataset.regulariser={regulariser}: the covariance of the training images has the"
            " eigenvalue 0; give a regulariser above 0"
        )
    return (vectors * values.rsqrt()) @ vectors.T
