"""Toy problems in the plane: what spirals, smiley and wave have in common.

The papers on multilevel training try such sets first (Kopaničáková and Krause 2023,
arXiv:2107.07572); theirs are not at hand, so these are this project's own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from basin.core.protocols import Dataset
from basin.core.scores import Score
from basin.dataset.facts import Facts
from basin.dataset.vectors import Vectors


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Points (N, 2) of one distribution in both parts, as images of one pixel."""

    train: int  # points
    test: int
    noise: float  # standard deviation of what is added to points, or to real targets
    problem: int  # seed of the points, which no run's seed changes

    def __post_init__(self) -> None:
        for name in ("train", "test"):
            if getattr(self, name) < 2:
                raise ValueError(f"dataset.{name}={getattr(self, name)} must be 2 or more")
        if not self.noise >= 0 or math.isinf(self.noise):
            raise ValueError(f"dataset.noise={self.noise} must be 0 or more")

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; one, `value`, where targets are real."""

    @property
    def score(self) -> Score | None:
        """None: those of a classification."""
        return None

    @abstractmethod
    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Points (N, 2) float64 and targets (N,), int64 or float64."""

    @property
    def facts(self) -> Facts:
        """Sizes, known without drawing."""
        real = len(self.classes) == 1
        return Facts(
            train=self.train,
            test=self.test,
            num_classes=len(self.classes),
            shape=(2, 1, 1),
            targets=torch.float64 if real else torch.int64,
        )

    @property
    def num_train(self) -> int:
        """Training points."""
        return self.train

    def load(self) -> Dataset:
        """Both parts, drawn one after the other."""
        generator = torch.Generator().manual_seed(self.problem)
        return Dataset(
            train=Vectors(*self.draw(self.train, generator)),
            validation=None,
            test=Vectors(*self.draw(self.test, generator)),
            classes=self.classes,
            shape=self.facts.shape,
            mean=(0.0, 0.0),
            std=(1.0, 1.0),
            score=self.score,
        )


def polar(radius: Tensor, angle: Tensor) -> Tensor:
    """Points (N, 2) of radii and angles (N,)."""
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], 1)


def uniform(num: int, generator: Generator) -> Tensor:
    """(N,) in [0, 1)."""
    return torch.rand(num, dtype=torch.float64, generator=generator)


def normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, dtype=torch.float64, generator=generator)
