"""BiT's HyperRule (Kolesnikov et al. 2020, arXiv:1912.11370), by the size of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from basin.core.clock import Clock, Epochs
from basin.core.schedules import Stateless, check_length, check_positive


@dataclass(frozen=True, kw_only=True)
class HyperRule(Stateless):
    """A line 0 -> 1 to the first support, then times gamma after each of the inner ones.

    supports: of a training set below sizes[0], below sizes[1], ..., and of all larger ones (copies
    of an example, as dataset=few_shot has them, count once): the updates of warm-up (0: none),
    those after which the rate drops, and the run's length. As in the released code the update at a
    support still has the old rate: drops count supports < update.
    """

    clock: Clock
    epochs: Epochs  # length of the run
    sizes: Sequence[int]  # examples, increasing
    supports: Sequence[Sequence[int]]  # updates, increasing; one more row than sizes
    gamma: float

    counts_updates: ClassVar[bool] = True
    """Its supports are updates, of one batch size."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        object.__setattr__(self, "supports", tuple(tuple(row) for row in self.supports))
        check_length("epochs", self.epochs)
        check_positive("gamma", self.gamma)
        self._check_table()
        end, updates = self.rule[-1], self.clock.steps(self.epochs)
        if updates != end:
            raise ValueError(
                f"epochs={self.epochs:g} is {updates:g} updates, but the rule of"
                f" {self.clock.size} examples has {end}: pass epochs='{end} steps', or other"
                " supports"
            )

    def _check_table(self) -> None:
        if len(self.supports) != len(self.sizes) + 1:
            raise ValueError(
                f"supports has {len(self.supports)} rows, sizes {len(self.sizes)} numbers: one row"
                " for each size and one for larger sets"
            )
        for row in (self.sizes, *self.supports):
            if any(a >= b for a, b in pairwise((-1, *row))) or not row:
                raise ValueError(f"sizes, supports: {list(row)} are not increasing counts")

    @property
    def rule(self) -> Sequence[int]:
        """The supports of this training set."""
        return self.supports[sum(self.clock.size >= size for size in self.sizes)]

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        update, (warm_up, *drops, _) = self.clock.steps(t), self.rule
        if update < warm_up:
            return update / warm_up
        return float(self.gamma ** sum(support < update for support in drops))
