"""Rungs, in epochs (Jamieson and Talwalkar 2016; Li et al. 2018, arXiv:1603.06560)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

NEAR = 1e-6


@dataclass(frozen=True)
class Ladder:
    """r_k = R / eta^(K - k), k = 0..K: cumulative epochs at the end of rung k."""

    budgets: tuple[float, ...]
    eta: int

    @property
    def top(self) -> int:
        """K, the highest rung."""
        return len(self.budgets) - 1


@dataclass(frozen=True)
class Bracket:
    """Configurations that begin at one rung, and how many reach each rung from there."""

    start: int  # number of its first configuration
    first: int  # the rung at which they begin
    survivors: tuple[int, ...]

    @property
    def configurations(self) -> range:
        """Their numbers."""
        return range(self.start, self.start + self.survivors[0])


def ladder_of(first: float, epochs: float, eta: int) -> Ladder:
    """Rungs from `first` to `epochs`. ValueError where no power of eta leads there."""
    if not isinstance(eta, int) or eta < 2:
        raise ValueError(f"eta={eta} is not a whole number of 2 or more")
    if not 0 < first < epochs:
        raise ValueError(f"first={first} is not between 0 and epochs={epochs}")
    steps = round(log(epochs / first, eta))
    if abs(first * eta**steps - epochs) > NEAR * epochs:
        near = ", ".join(f"{epochs / eta**k:g}" for k in (steps + 1, steps, steps - 1) if k > 0)
        raise ValueError(
            f"first={first}: epochs={epochs} is no power of eta={eta} above it; first may be {near}"
        )
    return Ladder(tuple(epochs / eta ** (steps - k) for k in range(steps + 1)), eta)


def halving(ladder: Ladder, configurations: int) -> Bracket:
    """Successive halving: floor(n / eta^k) of n configurations reach rung k."""
    if configurations < ladder.eta**ladder.top:
        raise ValueError(
            f"configurations={configurations}: none would reach the last of"
            f" {ladder.top + 1} rungs; give {ladder.eta**ladder.top} or more, or a larger `first`"
        )
    return Bracket(0, 0, _counts(ladder, configurations, ladder.top))


def brackets(ladder: Ladder) -> list[Bracket]:
    """Hyperband (Li et al. 2018, algorithm 1): s = K..0, n = ceil((K + 1) / (s + 1) eta^s)."""
    made, start = [], 0
    for s in range(ladder.top, -1, -1):
        num = ceil((ladder.top + 1) * ladder.eta**s / (s + 1))
        made.append(Bracket(start, ladder.top - s, _counts(ladder, num, s)))
        start += num
    return made


def _counts(ladder: Ladder, num: int, halvings: int) -> tuple[int, ...]:
    return tuple(num // ladder.eta**i for i in range(halvings + 1))
