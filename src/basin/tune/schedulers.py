"""Which rung of which configuration may be trained next: pure functions of the scores so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from basin.tune.ladder import Bracket, Ladder


class Rung(NamedTuple):
    """One rung of one configuration."""

    configuration: int
    rung: int


Scores = Mapping[Rung, float]
"""Of finished rungs; lower is better, inf diverged."""


class Scheduler(Protocol):
    """Decides from scores alone, so that every worker decides alike."""

    def begins(self, configuration: int) -> int:
        """The rung at which a configuration begins."""
        ...

    def wanted(self, scores: Scores) -> Iterator[Rung]:
        """Rungs that may be trained now and are not finished, the most urgent first."""
        ...

    def out(self, scores: Scores) -> set[int]:
        """Configurations that will not be trained any further."""
        ...


def best(numbers: Iterator[int] | range | list[int], rung: int, scores: Scores) -> list[int]:
    """Configurations from the lowest score at a rung up; of equal ones the earlier first."""
    return sorted(numbers, key=lambda number: (scores[Rung(number, rung)], number))


@dataclass(frozen=True)
class Synchronous:
    """Successive halving in one or several brackets: a rung begins when the one below is complete.

    Jamieson and Talwalkar 2016 (arXiv:1502.07943); in brackets Li et al. 2018 (arXiv:1603.06560).
    """

    ladder: Ladder
    brackets: tuple[Bracket, ...]

    def begins(self, configuration: int) -> int:
        """That of its bracket."""
        return next(b.first for b in self.brackets if configuration in b.configurations)

    def wanted(self, scores: Scores) -> Iterator[Rung]:
        """Bracket by bracket, rung by rung."""
        for bracket in self.brackets:
            for rung, entrants in self._entrants(bracket, scores):
                for number in entrants:
                    if Rung(number, rung) not in scores:
                        yield Rung(number, rung)

    def out(self, scores: Scores) -> set[int]:
        """Those that a complete rung has left behind."""
        gone = set[int]()
        for bracket in self.brackets:
            latest: list[int] = []
            for _, entrants in self._entrants(bracket, scores):
                gone |= set(latest) - set(entrants)
                latest = entrants
        return gone

    def _entrants(self, bracket: Bracket, scores: Scores) -> Iterator[tuple[int, list[int]]]:
        """(rung, the configurations that enter it), up to the first rung that is not complete."""
        entrants = list(bracket.configurations)
        for index, count in enumerate(bracket.survivors):
            rung = bracket.first + index
            if index:
                if any(Rung(number, rung - 1) not in scores for number in entrants):
                    return
                entrants = best(entrants, rung - 1, scores)[:count]
            yield rung, entrants


@dataclass(frozen=True)
class Everyone:
    """No halving: each configuration in turn to the last rung, as random search trains them."""

    ladder: Ladder
    configurations: int

    def begins(self, configuration: int) -> int:
        """The lowest rung."""
        return 0

    def wanted(self, scores: Scores) -> Iterator[Rung]:
        """The next rung of each configuration."""
        for number in range(self.configurations):
            for rung in range(self.ladder.top + 1):
                if Rung(number, rung) not in scores:
                    yield Rung(number, rung)
                    break

    def out(self, scores: Scores) -> set[int]:
        """None."""
        return set()


@dataclass(frozen=True)
class Asynchronous:
    """ASHA (Li et al. 2020, arXiv:1810.05934, algorithm 2): whoever is in the top 1/eta goes on.

    Differs: the number of configurations is given, and the search ends when none can be promoted.
    """

    ladder: Ladder
    configurations: int

    def begins(self, configuration: int) -> int:
        """The lowest rung."""
        return 0

    def wanted(self, scores: Scores) -> Iterator[Rung]:
        """Promotions from the highest rung down, then new configurations."""
        for rung in range(self.ladder.top - 1, -1, -1):
            finished = [one.configuration for one in scores if one.rung == rung]
            top = best(finished, rung, scores)[: len(finished) // self.ladder.eta]
            yield from (Rung(n, rung + 1) for n in top if Rung(n, rung + 1) not in scores)
        yield from (Rung(n, 0) for n in range(self.configurations) if Rung(n, 0) not in scores)

    def out(self, scores: Scores) -> set[int]:
        """None before the end: a later score may promote any of them."""
        return set()
