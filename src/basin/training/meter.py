"""Intervals of a run, and the time it spends in updates."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import floor


@dataclass(frozen=True)
class Intervals:
    """In epochs."""

    evaluate: float
    checkpoint: float


@dataclass
class Meter:
    """Time spent in updates, evaluation apart."""

    seconds: float = 0.0  # of earlier processes and finished intervals
    started: float = 0.0
    drawn: int = 0  # examples drawn when the interval began

    def start(self, drawn: int) -> None:
        """Begin an interval."""
        self.started, self.drawn = time.perf_counter(), drawn

    def rate(self, drawn: int) -> float:
        """Images per second of the interval, so far."""
        return (drawn - self.drawn) / max(time.perf_counter() - self.started, 1e-9)


def passed(before: float, now: float, interval: float) -> bool:
    """Whether a multiple of the interval lies in (before, now]."""
    return floor(now / interval + 1e-9) > floor(before / interval + 1e-9)
