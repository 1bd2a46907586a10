"""Moments at which an average takes an iterate in."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

ROUNDING = 1e-9
"""Of a number of periods: t is a sum of fractions."""


@dataclass(frozen=True)
class Periodic:
    """start, start + period, ... in epochs; `exclusive` leaves `start` itself out."""

    start: float
    period: float
    exclusive: bool

    def count(self, t: float) -> int:
        """Points in [0, t]."""
        periods = (t - self.start) / self.period + ROUNDING
        return max(0, floor(periods) + (0 if self.exclusive else 1)) if periods >= 0 else 0

    @property
    def first(self) -> float:
        """The first of them."""
        return self.start + self.period if self.exclusive else self.start


def check_points(points: Periodic, epochs: float) -> None:
    """Raise ValueError where an average would never take anything in."""
    if not points.period > 0:
        raise ValueError(f"period={points.period} is not above 0")
    if not points.start >= 0 or points.first > epochs * (1 + ROUNDING):
        raise ValueError(
            f"start={points.start:g}: the first iterate would be that after"
            f" {points.first:g} epochs, which is not in [0, {epochs:g}], the length of training: it"
            " would never average; lower it, or raise epochs"
        )
