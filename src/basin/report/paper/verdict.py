"""Ours against reported: the difference, its interval, and the word that they allow."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

from basin.report.paper.forms import Cell, Reported
from basin.report.paper.statistics import Arm, Interval, Sample, runs_needed, welch

DELTAS = {"cifar10": 0.3, "cifar100": 0.5, "imagenet": 0.3}
"""Percentage points that count as no difference, by data set (option of the group)."""
NORMAL = 1.96
"""A reported 95 % interval is taken as this many standard errors to each side."""


@dataclass(frozen=True)
class Verdict:
    """A word, what limits it, and what the numbers behind it are."""

    word: str
    why: str = ""
    difference: float | None = None  # ours - reported
    interval: Interval | None = None  # 95 %
    flags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For a table."""
        return f"{self.word} ({self.why})" if self.why else self.word


def delta_of(cell: Cell, dataset: str) -> float | None:
    """The largest difference that counts as none; None where no one has said."""
    if cell.delta is not None:
        return cell.delta.value
    points = cell.metric in ("accuracy", "error")
    return DELTAS.get(dataset) if points else None


def target(reported: Reported, aggregate: str) -> tuple[Arm, list[str]]:
    """The reported number as one side of a comparison, and what had to be assumed."""
    constant, spread, n = Arm(reported.value, 0.0, inf), reported.spread, reported.n
    kind = reported.aggregate or aggregate
    flags = ["approximate: read off a picture"] if reported.approximate else []
    if spread is None:
        return constant, [*flags, f"reported {kind} without a spread: a constant"]
    df = n - 1 if n and n > 1 else inf
    if reported.kind == "ci95":
        return Arm(reported.value, spread / NORMAL, df), [*flags, "reported 95 % CI: se = CI/1.96"]
    if reported.kind == "se":
        unsure = [] if df < inf else ["reported se without its n: as of many runs"]
        return Arm(reported.value, spread, df), [*flags, *unsure]
    if n is None or n < 2:
        return constant, [*flags, "reported sd without its n: a constant"]
    return Arm(reported.value, spread / sqrt(n), df), flags


def judge(cell: Cell, sample: Sample, *, delta: float | None, inferred: tuple[str, ...]) -> Verdict:
    """The verdict of a cell that has runs and a reported number."""
    reported = cell.reported
    if reported is None:
        return Verdict("nothing reported")
    ours = sample.aggregate(cell.aggregate, higher_is_better=cell.higher_is_better)
    difference = ours - reported.value
    if not reported.trusted:
        return Verdict("unverified target", difference=difference)
    right, flags = target(reported, cell.aggregate)
    how = reported.aggregate or cell.aggregate
    if "best" in (how, cell.aggregate):
        return Verdict("inconclusive", "the best of several has no interval", difference)
    if cell.aggregate == "median":
        flags.append("the interval is of our mean")
    left = sample.arm()
    if left is None:
        return Verdict("inconclusive", _too_few(None, right, delta, reported), difference)
    whole, inner = welch(left, right, 0.95), welch(left, right, 0.90)
    word, why = _word(cell, whole, inner, delta)
    if word == "inconclusive":
        why = _too_few(sample.sd, right, delta, reported, n=sample.n)
    word, why = _capped(word, why, inferred)
    return Verdict(word, why, difference, whole, tuple(flags))


def _word(cell: Cell, whole: Interval, inner: Interval, delta: float | None) -> tuple[str, str]:
    if delta is not None and inner.inside(delta):
        return "reproduced", ""
    negligible = delta is not None and abs(whole.difference) <= delta
    if whole.excludes_zero() and not negligible:
        return ("better" if (whole.difference > 0) == cell.higher_is_better else "worse"), ""
    return "inconclusive", ""


def _capped(word: str, why: str, inferred: tuple[str, ...]) -> tuple[str, str]:
    """A recipe with guessed values cannot reproduce a number, only be consistent with it."""
    if not inferred:
        return word, why
    incomplete = f"recipe incomplete: {', '.join(inferred)}"
    if word == "reproduced":
        return "consistent", incomplete
    return word, f"{why}; {incomplete}" if why else incomplete


def _too_few(
    sd: float | None, right: Arm, delta: float | None, reported: Reported, n: int = 1
) -> str:
    """n, and the n that 80 % power would need, as far as anyone can know it."""
    if sd is None:
        sd = _spread_of_runs(reported, right)  # the only one there is
    if delta is None:
        return f"n = {n}; no delta is stated"
    if sd is None:
        return f"n = {n}: no interval"
    needed = runs_needed(sd, right, delta)
    if needed is None:
        return f"n = {n}; no n suffices, the reported number is too uncertain"
    return f"n = {n}, {needed} needed" if needed > n else f"n = {n}, a difference near delta"


def _spread_of_runs(reported: Reported, arm: Arm) -> float | None:
    """The standard deviation of the reported runs; None where it is not known."""
    if reported.kind == "sd":
        return reported.spread
    return arm.se * sqrt(reported.n) if arm.se and reported.n else None
