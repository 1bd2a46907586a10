"""Cyclical rates on a triangle (Smith 2017, arXiv:1506.01186), and the cycles of FGE.

Fast geometric ensembling (Garipov et al. 2018, arXiv:1802.10026) has the same triangle from above.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from basin.core.clock import Epochs
from basin.core.schedules import PER, Stateless, check_choice, check_factors, check_length, elapsed


def triangle(x: float) -> float:
    """0 -> 1 -> 0 over a cycle, x in half cycles: 1 - |x - 2 cycle + 1| of the paper's code."""
    return max(0.0, 1 - abs(x - 2 * floor(1 + x / 2) + 1))


@dataclass(frozen=True, kw_only=True)
class Triangular(Stateless):
    """start -> turn -> start on straight lines, each of `half_cycle`.

    A learning rate begins at base_lr (CLR) or a1 (FGE), a momentum at its maximum.
    """

    start: float  # factor at the ends of a cycle, 0 or more
    turn: float  # factor in its middle, 0 or more
    half_cycle: Epochs  # stepsize, epochs
    per: str  # step | epoch: t continuous, or whole epochs

    def __post_init__(self) -> None:
        check_factors(start=self.start, turn=self.turn)
        check_length("half_cycle", self.half_cycle)
        check_choice("per", self.per, PER)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        x = elapsed(t, self.per) / self.half_cycle
        return self.start + (self.turn - self.start) * triangle(x)
