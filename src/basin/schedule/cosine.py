"""Cosine annealing (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5), one period."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_length, check_range, elapsed


@dataclass(frozen=True, kw_only=True)
class Cosine(Stateless):
    """floor + (1 - floor) (1 + cos(pi t / T)) / 2: 1 -> floor along half a cosine, then floor."""

    epochs: Epochs  # T
    floor: float  # final factor, in [0, 1]
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_range("floor", self.floor, 0, 1)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        t = min(elapsed(t, self.per), self.epochs)
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * t / self.epochs))
