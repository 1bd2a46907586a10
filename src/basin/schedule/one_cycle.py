"""One cycle (Smith and Topin 2018, arXiv:1708.07120), as torch's OneCycleLR and fastai have it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi

from basin.core.clock import Clock, Epochs
from basin.core.schedules import (
    Stateless,
    check_choice,
    check_factors,
    check_length,
    check_range,
)

ANNEAL = ("cosine", "linear")
ENDS = ("update", "time")


def anneal(low: float, high: float, share: float, shape: str) -> float:
    """low -> high as share goes 0 -> 1, on half a cosine or a line."""
    if shape == "linear":
        return low + (high - low) * share
    return high + (low - high) / 2 * (1 + cos(pi * share))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Stateless):
    """start -> peak in the first `rise` of the run, then peak -> end (-> start -> end in three).

    A momentum cycles against the rate by start = end = 1, peak below. In three phases the second,
    as long as the first, goes back to start, and the third to end.
    ends: `update`, as torch: a phase ends at an update, number rise T - 1 and T - 1 from 0, so that
    the last update has `end`; `time`: at rise T and T. The last value holds after.
    """

    clock: Clock
    epochs: Epochs  # T
    rise: float  # share of the run, in (0, 1); three phases: below 1/2
    start: float  # factors, 0 or more
    peak: float
    end: float
    shape: str  # cosine | linear
    three_phase: bool
    ends: str  # update | time

    def __post_init__(self) -> None:
        check_length("epochs", self.epochs)
        check_range("rise", self.rise, 0, 1)
        check_factors(start=self.start, peak=self.peak, end=self.end)
        check_choice("shape", self.shape, ANNEAL)
        check_choice("ends", self.ends, ENDS)
        times = self._times()
        if not all(a < b for a, b in pairwise(times)):
            raise ValueError(
                f"rise={self.rise} of epochs={self.epochs} gives phases that end at updates"
                f" {', '.join(f'{time:g}' for time in times[1:])}; each needs a length: change"
                " rise, or lengthen the run"
            )

    def _times(self) -> tuple[float, ...]:
        """Updates at which phases begin and end."""
        total = self.clock.steps(self.epochs)
        early = 1 if self.ends == "update" else 0
        first = float(self.rise * total) - early
        back = (2 * float(self.rise * total) - 2 * early,) if self.three_phase else ()
        return (0.0, first, *back, total - early)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        values = (self.start, self.peak, *((self.start,) if self.three_phase else ()), self.end)
        updates = self.clock.steps(t)
        for (low, high), (begin, stop) in zip(
            pairwise(values), pairwise(self._times()), strict=True
        ):
            if updates <= stop:
                return anneal(low, high, (updates - begin) / (stop - begin), self.shape)
        return float(self.end)
