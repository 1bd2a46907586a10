"""A face in the plane: its outline against eyes and mouth.

This project's own form of a toy set of multilevel training (see basin.dataset.plane).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from basin.dataset.plane import Plane, normal, polar, uniform


@dataclass(frozen=True, kw_only=True)
class Smiley(Plane):
    """A circle, and within it two eyes and a mouth."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Around and inside."""
        return ("outline", "features")

    def draw(self, num: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """The unit circle; eyes at (+-0.35, 0.35); the lower arc of radius 0.6 over 140 degrees."""
        labels, share = torch.arange(num) % 2, uniform(num, generator)
        outline = polar(torch.ones_like(share), 2 * math.pi * share)
        mouth = polar(0.6 * torch.ones_like(share), math.pi * (1.5 + 7 / 9 * (share - 0.5)))
        side = torch.where(share < 0.5, -share.new_ones(()), share.new_ones(()))
        eyes = 0.35 * torch.stack([side, torch.ones_like(side)], 1)
        features = torch.where((torch.arange(num) % 4 == 1)[:, None], eyes, mouth)
        points = torch.where((labels == 0)[:, None], outline, features)
        return points + self.noise * normal((num, 2), generator), labels
