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
    values: Mapping[int, float], others: Mapping[int, float], expect: str | None = None
) -> Gain:
    """The first arm less the second, each by seed; `expect` is lower, higher or nothing."""
    left, right = Sample(tuple(values.values())), Sample(tuple(others.values()))
    shared = [seed for seed in values if seed in others]
    arms = left.arm(), right.arm()
    apart = welch(arms[0], arms[1], 0.95) if arms[0] and arms[1] else None
    together = paired([values[s] for s in shared], [others[s] for s in shared], 0.95)
    difference = left.mean - right.mean
    return Gain(apart, together, difference, len(shared), _met(expect, together or apart))


def _met(expect: str | None, interval: Interval | None) -> str:
    if expect is None:
        return ""
    if interval is None or not interval.excludes_zero():
        return "undecided"
    return "as stated" if (interval.high < 0) == (expect == "lower") else "opposite"
