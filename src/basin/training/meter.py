"""Intervals of a run, and the time it spends in updates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import floor


@dataclass(frozen=True)
class Intervals:
    """In epochs."""

    evaluate: float
    checkpoint: float


@dataclass
class Meter:
    """Time and energy spent in updates, evaluation apart."""

    counter: Callable[[], float] | None = None  # joules of the device
    seconds: float = 0.0  # of earlier processes and finished intervals
    joules: float | None = None  # likewise; None: not known of all of them
    started: float = 0.0
    drawn: int = 0  # examples drawn when the interval began
    _joules_started: float = 0.0

    def __post_init__(self) -> None:
        self.joules = None if self.counter is None else 0.0

    def go_on(self, seconds: float, joules: float | None) -> None:
        """Continue what was spent before; what was not measured then is not known now."""
        self.seconds, self.joules = seconds, None if self.joules is None else joules

    def start(self, drawn: int) -> None:
        """Begin an interval."""
        self.started, self.drawn = time.perf_counter(), drawn
        self._joules_started = self.look()

    def stop(self) -> None:
        """End an interval."""
        self.seconds, self.joules = self.so_far()

    def so_far(self) -> tuple[float, float | None]:
        """Seconds and joules with those of the interval."""
        seconds = self.seconds + time.perf_counter() - self.started
        spent = self.look() - self._joules_started
        return seconds, None if self.joules is None else self.joules + spent

    def look(self) -> float:
        """The counter's joules; 0 without one. Often enough that it has not begun anew."""
        return 0.0 if self.counter is None else self.counter()

    def rate(self, drawn: int) -> float:
        """Images per second of the interval, so far."""
        return (drawn - self.drawn) / max(time.perf_counter() - self.started, 1e-9)


def passed(before: float, now: float, interval: float) -> bool:
    """Whether a multiple of the interval lies in (before, now]."""
    return floor(now / interval + 1e-9) > floor(before / interval + 1e-9)
