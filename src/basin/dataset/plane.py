"""Toy problems in the plane: two spirals, a smiley, and a wave to be regressed.

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


@dataclass(frozen=True, kw_only=True)
class Spirals(Plane):
    """Two arms around the origin, half a turn apart."""

    turns: float  # of each arm

    @property
    def classes(self) -> tuple[str, ...]:
        """The arms."""
        return ("first arm", "second arm")

    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Radius t, angle 2 pi (turns t + class / 2), t uniform in (0.1, 1)."""
        labels = torch.arange(num) % 2
        radius = 0.1 + 0.9 * _uniform(num, generator)
        points = _polar(radius, 2 * math.pi * (self.turns * radius + labels / 2))
        return points + self.noise * _normal((num, 2), generator), labels


@dataclass(frozen=True, kw_only=True)
class Smiley(Plane):
    """A circle, and within it two eyes and a mouth."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Around and inside."""
        return ("outline", "features")

    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """The unit circle; eyes at (+-0.35, 0.35); the lower arc of radius 0.6 over 140 degrees."""
        labels, share = torch.arange(num) % 2, _uniform(num, generator)
        outline = _polar(torch.ones_like(share), 2 * math.pi * share)
        mouth = _polar(0.6 * torch.ones_like(share), math.pi * (1.5 + 7 / 9 * (share - 0.5)))
        eyes = torch.stack([0.35 * torch.where(share < 0.5, -1.0, 1.0), 0.35 + 0 * share], 1)
        features = torch.where((torch.arange(num) % 4 == 1)[:, None], eyes, mouth)
        points = torch.where((labels == 0)[:, None], outline, features)
        return points + self.noise * _normal((num, 2), generator), labels


@dataclass(frozen=True, kw_only=True)
class Wave(Plane):
    """sin(pi x_1) cos(pi x_2) over the square of (-1, 1), with noise."""

    @property
    def classes(self) -> tuple[str, ...]:
        """A real target."""
        return ("value",)

    @property
    def score(self) -> Score:
        """Half the mean squared error."""
        return _half_mean_square

    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Uniform points and the wave there."""
        points = 2 * torch.stack([_uniform(num, generator) for _ in range(2)], 1) - 1
        values = torch.sin(math.pi * points[:, 0]) * torch.cos(math.pi * points[:, 1])
        return points, values + self.noise * _normal((num,), generator)


def _half_mean_square(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    residuals = outputs.squeeze(1) - targets.to(outputs.dtype)
    return {"risk": residuals.square().mean().item() / 2}


def _polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], 1)


def _uniform(num: int, generator: Generator) -> Tensor:
    return torch.rand(num, dtype=torch.float64, generator=generator)


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator)
