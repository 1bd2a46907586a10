"""One of our arms against another: apart by Welch, and paired over the seeds that both have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basin.report.paper.statistics import Interval, Sample, paired, welch


@dataclass(frozen=True)
class Gain:
    """Our difference from another arm of ours."""

    welch: Interval | None  # 95 %
    paired: Interval | None  # over the seeds that both have
    difference: float
    shared: int
    met: str  # of a stated expectation: as stated, opposite, undecided, or nothing

    @property
    def interval(self) -> Interval | None:
        """The paired one where there is one."""
        return self.paired or self.welch


def gain(
    values: Mapping[int, float],
    others: Mapping[int, float],
    expect: str | None = None,
    delta: float = 0.0,
) -> Gain:
    """The first arm less the second, each by seed; `expect` is lower, higher, same or nothing.

    delta: the largest difference that counts as none, where `same` is expected.
    """
    left, right = Sample(tuple(values.values())), Sample(tuple(others.values()))
    shared = [seed for seed in values if seed in others]
    arms = left.arm(), right.arm()
    apart = welch(arms[0], arms[1], 0.95) if arms[0] and arms[1] else None
    pairs = [values[s] for s in shared], [others[s] for s in shared]
    together = paired(*pairs, 0.95)
    if expect == "same":
        inner = paired(*pairs, 0.90)
        if inner is None and arms[0] and arms[1]:
            inner = welch(arms[0], arms[1], 0.90)
        met = _same(together or apart, inner, delta)
    else:
        met = _met(expect, together or apart)
    return Gain(apart, together, left.mean - right.mean, len(shared), met)


def _same(whole: Interval | None, inner: Interval | None, delta: float) -> str:
    """Two one-sided tests at 5 %: the 90 % interval is inside +-delta; or the 95 % one beyond."""
    if inner is not None and inner.inside(delta):
        return "as stated"
    beyond = whole is not None and (whole.low > delta or whole.high < -delta)
    return "opposite" if beyond else "undecided"


def _met(expect: str | None, interval: Interval | None) -> str:
    if expect is None:
        return ""
    if interval is None or not interval.excludes_zero():
        return "undecided"
    return "as stated" if (interval.high < 0) == (expect == "lower") else "opposite"
