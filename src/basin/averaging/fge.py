"""Fast geometric ensembling (Garipov et al. 2018, arXiv:1802.10026, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from pathlib import Path

from torch import nn

from basin.averaging.members import Members
from basin.averaging.points import ROUNDING, Periodic
from basin.averaging.prediction_average import PredictionAverage
from basin.core.clock import Clock, Epochs

LOOKS = 16
"""At the rate of a cycle, besides those around its middle."""
EQUAL = 1e-9
"""Factors that rounding alone tells apart."""
FIX = (
    "take schedule=fge (of the stage, where that has the average), whose half_cycle is half of"
    " `cycle`; averaging=snapshots collects at any epochs"
)


class FGE(PredictionAverage):
    """The iterates at the minima of a triangular rate: after cycle/2, cycle/2 + cycle, ... epochs.

    Of this stage, whose rate begins at the maximum; the network that it begins with is no member.
    cycle: c; null, where the rate has no cycle to take it from, is refused.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        folder: Path | None,
        clock: Clock,
        *,
        epochs: Epochs,
        cycle: Epochs | None,
        keep: str,
    ) -> None:
        if cycle is None:
            raise ValueError(f"cycle=null: the rate has no half_cycle that it could be of; {FIX}")
        if not 0 < cycle / 2 <= epochs * (1 + ROUNDING):
            raise ValueError(
                f"cycle={cycle:g}: the first minimum of the rate, after {cycle / 2:g} epochs, is"
                f" not in (0, {epochs:g}], the length of training: it would never collect; lower"
                " the half_cycle of the schedule, or raise epochs"
            )
        half = clock.steps(cycle / 2)
        if half != floor(half) or half < 1:
            raise ValueError(
                f"cycle={cycle:g} epochs: its middle is after {half:g} updates, between two of"
                f" them ({clock.steps_per_epoch} an epoch); the paper's cycles are even"
            )
        self._epochs, self._clock, self._half = epochs, clock, int(half)
        points = Periodic(cycle / 2, cycle, exclusive=False)
        members = Members(model, name, keep=keep, folder=folder)
        super().__init__(name, members, count=points.count, most=None)

    def check_rate(self, rate: Callable[[float], float]) -> None:
        """Raise ValueError where a member would not be taken at the minimum of its cycle.

        rate: factor at t epochs of this stage. The updates before and after the middle have the
        lowest of the cycle, as far as it is trained (a constant rate passes).
        """
        total, half = floor(self._clock.steps(self._epochs)), self._half
        for middle in range(half, total + 1, 2 * half):
            begin, end = middle - half, min(middle + half, total)
            looks = {begin + (end - begin) * i // LOOKS for i in range(LOOKS)}
            others = (looks | {middle - 2, middle + 1}) & set(range(begin, end))
            of = {update: rate(self._clock.epochs(f"{update} steps")) for update in others}
            taken = rate(self._clock.epochs(f"{middle - 1} steps"))
            lower = [u for u in sorted(of) if u != middle and of[u] < taken * (1 - EQUAL)]
            if lower:
                raise ValueError(
                    f"cycle={self._clock.epochs(f'{2 * half} steps'):g}: the rate is not at its"
                    f" lowest after {self._clock.epochs(f'{middle} steps'):g} epochs, where a"
                    f" member is collected: it is lower after"
                    f" {self._clock.epochs(f'{lower[0]} steps'):g}; {FIX}"
                )
