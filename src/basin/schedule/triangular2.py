"""Cyclical rates whose amplitude is halved each cycle (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_factors, check_length, elapsed
from basin.schedule.triangular import triangle


@dataclass(frozen=True, kw_only=True)
class Triangular2(Stateless):
    """start + (turn - start) triangle / 2^(cycle - 1), cycles counted from 1."""

    start: float  # factor at the ends of a cycle, 0 or more
    turn: float  # factor in the middle of the first, 0 or more
    half_cycle: Epochs  # stepsize, epochs
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_factors(start=self.start, turn=self.turn)
        check_length("half_cycle", self.half_cycle)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        x = elapsed(t, self.per) / self.half_cycle
        return self.start + (self.turn - self.start) * triangle(x) * 0.5 ** floor(x / 2)
