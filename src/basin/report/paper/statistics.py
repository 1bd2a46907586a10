"""Means, intervals, and how many runs they need: Welch's t, paired t, two one-sided tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean, median, stdev

from scipy import special  # stats takes a second to import

POWER = 0.8
MOST_RUNS = 1000
"""Beyond it a number of runs is no advice."""


@dataclass(frozen=True)
class Arm:
    """A value with the standard error of its mean, and that error's degrees of freedom.

    se 0 with infinite df is a constant.
    """

    value: float
    se: float
    df: float


@dataclass(frozen=True)
class Interval:
    """A difference and its confidence interval."""

    difference: float
    low: float
    high: float

    def inside(self, delta: float) -> bool:
        """Whether all of it lies within +-delta."""
        return -delta <= self.low and self.high <= delta

    def excludes_zero(self) -> bool:
        """Whether all of it lies on one side."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Sample:
    """Values of several seeds."""

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """How many."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their mean."""
        return fmean(self.values)

    @property
    def sd(self) -> float | None:
        """Their standard deviation, n - 1 in the denominator; None of one value."""
        return stdev(self.values) if self.n > 1 else None

    def aggregate(self, how: str, *, higher_is_better: bool) -> float:
        """mean, median, or the best one."""
        if how == "best":
            return max(self.values) if higher_is_better else min(self.values)
        return median(self.values) if how == "median" else self.mean

    def arm(self) -> Arm | None:
        """Its mean; None of one value, whose error nobody knows."""
        sd = self.sd
        return None if sd is None else Arm(self.mean, sd / sqrt(self.n), self.n - 1)

    def half_width(self, level: float) -> float | None:
        """Of the confidence interval of the mean, by Student's t."""
        arm = self.arm()
        return None if arm is None else float(arm.se * special.stdtrit(arm.df, (1 + level) / 2))


def welch(left: Arm, right: Arm, level: float) -> Interval:
    """Confidence interval of left - right (Welch 1947, the df of Satterthwaite 1946)."""
    difference = left.value - right.value
    se, df = _together(left, right)
    if se == 0:
        return Interval(difference, difference, difference)
    half = float(se * special.stdtrit(df, (1 + level) / 2))
    return Interval(difference, difference - half, difference + half)


def paired(left: Sequence[float], right: Sequence[float], level: float) -> Interval | None:
    """Interval of the mean of left[i] - right[i], the same seed i; None with fewer than two."""
    if len(left) < 2:
        return None
    differences = [a - b for a, b in zip(left, right, strict=True)]
    arm = Sample(tuple(differences)).arm()
    return None if arm is None else welch(arm, Arm(0.0, 0.0, inf), level)


def runs_needed(sd: float, target: Arm, delta: float) -> int | None:
    """Runs with which the 90 % interval lies inside +-delta with 80 % power, if nothing differs.

    sd: of our runs. The power of two one-sided t-tests at 5 %, the standard error taken as known:
    2 P(t_df < delta/se - t_.95) - 1. None: the target's own error leaves no number that suffices.
    """
    for n in range(2, MOST_RUNS + 1):
        se, df = _together(Arm(0.0, sd / sqrt(n), n - 1), target)
        if se == 0:
            return n
        margin = delta / se - special.stdtrit(df, 0.95)
        if 2 * special.stdtr(df, margin) - 1 >= POWER:
            return n
    return None


def _together(left: Arm, right: Arm) -> tuple[float, float]:
    """Standard error of a difference, and its degrees of freedom."""
    a, b = left.se**2, right.se**2
    parts = a**2 / left.df + b**2 / right.df
    return sqrt(a + b), (a + b) ** 2 / parts if parts else inf
