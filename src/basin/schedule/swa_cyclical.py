"""The cyclical rate of stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407)."""

from __future__ import annotations

from dataclasses import dataclass

from basin.core.clock import Clock, Epochs
from basin.core.schedules import Stateless, check_length, check_range


@dataclass(frozen=True, kw_only=True)
class SWACyclical(Stateless):
    """(1 - s) + s floor, s = (i mod c + 1) / c for update i from 0; c updates are a cycle.

    The form of the ImageNet runs: a cycle falls to a2 at its last update, where the iterate is
    averaged, and the next begins near a1 at once.
    """

    clock: Clock
    cycle: Epochs  # c, epochs
    floor: float  # a2 / a1, in [0, 1]

    def __post_init__(self) -> None:
        check_length("cycle", self.cycle)
        check_range("floor", self.floor, 0, 1)
        if self.clock.steps(self.cycle) < 1:
            raise ValueError(f"cycle={self.cycle} epochs is less than one update")

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        length = self.clock.steps(self.cycle)
        s = min(1.0, (self.clock.steps(t) % length + 1) / length)
        return (1 - s) + s * self.floor
