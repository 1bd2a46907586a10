"""Step decay at given epochs, with both ways of counting them.

Zagoruyko and Komodakis 2016 (arXiv:1605.07146), train.lua: milestones are epochs counted from 1
and the rate drops when one starts, an epoch earlier than in torch's MultiStepLR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from basin.core.clock import Epochs
from basin.core.schedules import Stateless, check_choice, check_length


@dataclass(frozen=True, kw_only=True)
class MultiStep(Stateless):
    """gamma^k, where k milestones m are passed: t >= m - 1 (drop at the start) or t >= m (end)."""

    epochs: Epochs  # length of the run, which milestones must lie in
    milestones: Sequence[Epochs]  # epochs; counted from 1
    gamma: float  # factor of one drop
    drop_at: str  # start | end of the milestone epoch

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))
        check_length("epochs", self.epochs)
        check_choice("drop_at", self.drop_at, ("start", "end"))
        if not 0 < self.gamma < inf:
            raise ValueError(f"gamma={self.gamma} is not a factor: give a finite number above 0")
        self._check_milestones()

    def _check_milestones(self) -> None:
        ends = (0, *self.milestones)
        if not all(a < b for a, b in zip(ends, ends[1:], strict=False)):
            raise ValueError(f"milestones={list(self.milestones)} are not positive and increasing")
        if ends[-1] > self.epochs:
            raise ValueError(
                f"milestones={list(self.milestones)}: {ends[-1]} is beyond the last epoch"
                f" (epochs={self.epochs}); lengthen the run or move the milestones"
            )
        if self.drop_at == "start" and any(m % 1 for m in self.milestones):
            raise ValueError(
                f"milestones={list(self.milestones)} with drop_at='start' count epochs from 1, so"
                " they are whole numbers; give a time within an epoch with drop_at='end'"
            )

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        early = 1 if self.drop_at == "start" else 0
        return self.gamma ** sum(t >= m - early for m in self.milestones)
