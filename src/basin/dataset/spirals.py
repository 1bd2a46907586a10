"""Two spirals in the plane, of two classes.

This project's own form of a toy set of multilevel training (see basin.dataset.plane).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from basin.dataset.plane import Plane, normal, polar, uniform


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
        radius = 0.1 + 0.9 * uniform(num, generator)
        points = polar(radius, 2 * math.pi * (self.turns * radius + labels / 2))
        return points + self.noise * normal((num, 2), generator), labels
