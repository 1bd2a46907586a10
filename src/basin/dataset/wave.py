"""A wave over the plane, to be regressed.

This project's own form of a toy set of multilevel training (see basin.dataset.plane).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from basin.core.scores import Score
from basin.dataset.plane import Plane, normal, uniform


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
        return half_mean_square

    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Uniform points and the wave there."""
        points = 2 * torch.stack([uniform(num, generator) for _ in range(2)], 1) - 1
        values = torch.sin(math.pi * points[:, 0]) * torch.cos(math.pi * points[:, 1])
        return points, values + self.noise * normal((num,), generator)


def half_mean_square(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """`risk` of outputs (N, 1) for real targets (N,)."""
    residuals = outputs.squeeze(1) - targets.to(outputs.dtype)
    return {"risk": residuals.square().mean().item() / 2}
