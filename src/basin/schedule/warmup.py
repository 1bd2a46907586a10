"""Warm-up (Goyal et al. 2017, arXiv:1706.02677, section 2.2) in front of any schedule."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from basin.core.clock import Epochs
from basin.core.protocols import Schedule, TrainState
from basin.core.schedules import PER, check_choice, check_range, check_run, elapsed

LOOKS = 1000
"""At the schedule behind, over the rest of the run."""
EQUAL = 1e-9
"""Factors that rounding alone tells apart."""


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """start_factor -> 1 on a line, or start_factor, for `epochs`; then the schedule `after`.

    leads_to: `optimizer`, 1 is the optimizer's value; `first`, 1 is the factor at which `after`
    begins, and warm-up and `after` meet. null is `optimizer`.

    after_counts_from: `start`, the t of `after` is that of the run, so that its first `epochs` are
    hidden by the warm-up; `end`, it begins at 0 when the warm-up ends and lasts as much longer.
    Behind a warm-up that leads to the optimizer's value a schedule must not rise any more: cycles
    (SGDR) count from its end, and what rises by itself (CLR, one-cycle) takes leads_to=first.
    """

    epochs: Epochs  # 0 for none
    start_factor: float  # in [0, 1]
    shape: str  # linear: gradual; constant: start_factor to the end of the warm-up
    per: str  # step | epoch: the line's t is continuous, or whole epochs
    after_counts_from: str  # start | end of the warm-up
    leads_to: str | None  # optimizer | first
    after: Schedule

    def __post_init__(self) -> None:
        if not 0 <= self.epochs < inf:
            raise ValueError(f"epochs={self.epochs} of warm-up is not a finite length from 0 up")
        check_range("start_factor", self.start_factor, 0, 1)
        check_choice("shape", self.shape, ("linear", "constant"))
        check_choice("per", self.per, PER)
        check_choice("after_counts_from", self.after_counts_from, ("start", "end"))
        if self.leads_to is not None:
            check_choice("leads_to", self.leads_to, ("optimizer", "first"))

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        done = elapsed(t, self.per)
        if done < self.epochs:
            share = done / self.epochs if self.shape == "linear" else 0.0
            factor = self.start_factor + (1 - self.start_factor) * share
            return factor * self.after(self._begin) if self.leads_to == "first" else factor
        return self.after(t - self.epochs if self.after_counts_from == "end" else t)

    @property
    def _begin(self) -> float:
        """t of the schedule behind where the warm-up ends."""
        return 0.0 if self.after_counts_from == "end" else self.epochs

    @property
    def last(self) -> Schedule:
        """The schedule behind."""
        return self.after

    def check_run(self, epochs: float) -> None:
        """Raise ValueError where the warm-up fills the run, or what is behind it rises again."""
        left = epochs - self.epochs
        if left <= 0:
            raise ValueError(
                f"epochs={self.epochs:g} of warm-up: the run has {epochs:g}, so that the schedule"
                " behind would never act; shorten the warm-up, or raise epochs"
            )
        if self.epochs > 0 and self.leads_to != "first":
            self._check_fall(left)
        elif self.epochs > 0 and not self.after(self._begin) > 0:
            raise ValueError(
                "leads_to=first: the schedule behind the warm-up begins at 0, from which it rises"
                " by itself: it needs none in front"
            )
        check_run("after", self.after, left if self.after_counts_from == "end" else epochs)

    def _check_fall(self, left: float) -> None:
        begin = self._begin
        first = self.after(begin)
        times = (begin + left * i / LOOKS for i in range(1, LOOKS))
        later = next((t for t in times if self.after(t) > first * (1 + EQUAL)), None)
        if later is None:
            return
        text = (
            f"after_counts_from={self.after_counts_from}: behind the warm-up the factor is"
            f" {first:g}, and rises again, to {self.after(later):g}"
            f" {later - begin:g} epochs later;"
        )
        if first < self.after(0.0):
            raise ValueError(
                f"{text} its cycles began with the run: take after_counts_from=end, so that the"
                " first of them begins where the warm-up ends"
            )
        raise ValueError(
            f"{text} a schedule that rises by itself needs no warm-up in front, or one that leads"
            " to where it begins: leads_to=first"
        )

    def observe(self, state: TrainState) -> None:
        """The schedule behind may look at the state."""
        self.after.observe(state)

    def state_dict(self) -> dict[str, Any]:
        """State of the schedule behind."""
        return self.after.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.after.load_state_dict(state_dict)
