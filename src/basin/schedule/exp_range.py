"""Cyclical rates with an exponential decay (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Epochs
from basin.core.schedules import (
    PER,
    Stateless,
    check_choice,
    check_factors,
    check_length,
    check_positive,
    elapsed,
)
from basin.schedule.triangular import triangle

DECAY = ("amplitude", "bounds")


@dataclass(frozen=True, kw_only=True)
class ExpRange(Stateless):
    """A triangle between start and turn, with d = gamma^(t / every).

    decay: `amplitude`, start + (turn - start) triangle d, as every implementation; `bounds`,
    (start + (turn - start) triangle) d, as the paper's text, where each boundary decays.
    """

    start: float  # factor at the ends of a cycle, 0 or more
    turn: float  # factor in its middle but for the decay, 0 or more
    half_cycle: Epochs  # stepsize, epochs
    gamma: float  # above 0
    every: Epochs  # epochs in which gamma acts once; `1 step`, as published
    decay: str  # amplitude | bounds
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_factors(start=self.start, turn=self.turn)
        check_length("half_cycle", self.half_cycle)
        check_positive("gamma", self.gamma)
        check_length("every", self.every)
        check_choice("decay", self.decay, DECAY)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        t = elapsed(t, self.per)
        decayed = self.gamma ** (t / self.every)
        amplitude = (self.turn - self.start) * triangle(t / self.half_cycle)
        if self.decay == "amplitude":
            return float(self.start + amplitude * decayed)
        return float((self.start + amplitude) * decayed)
