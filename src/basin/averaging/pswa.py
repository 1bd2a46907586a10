"""Periodic stochastic weight averaging (Guo, Jin and Liu 2022, arXiv:2201.00519)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from basin.averaging.points import Periodic, check_points
from basin.averaging.swa import running_mean
from basin.averaging.weight_average import WeightAverage
from basin.core.clock import Epochs
from basin.core.protocols import Batches, Solution, TrainState


class PSWA(WeightAverage):
    """Mean of the iterates after each `period` from `start` on, written back and begun anew.

    Every `restart_every` epochs after `start`, up to `stop`, the live weights become the average,
    its BN buffers included, all momenta become zero, and the next iterate is a first one.
    Where training ends at such a point the average is its solution, and nothing is written back.
    """

    rule = "mean of weights since the latest restart"

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        epochs: Epochs,
        start: Epochs,
        period: Epochs,
        restart_every: Epochs,
        stop: Epochs,
        bn: Mapping[str, Any],
    ) -> None:
        points = Periodic(start, period, exclusive=True)
        check_points(points, epochs)
        if restart_every < period:
            raise ValueError(
                f"restart_every={restart_every:g} is less than period={period:g}:"
                " there would be nothing to write back"
            )
        self._restarts, self._stop = Periodic(start, restart_every, exclusive=True), stop
        if not self._restarts.count(min(stop, epochs)):
            raise ValueError(
                f"restart_every={restart_every:g}: the first write-back would be that after"
                f" {self._restarts.first:g} epochs, and there is none after {min(stop, epochs):g}"
                " (`stop`, or the end of training); lower it or start, or take averaging=swa"
            )
        super().__init__(model, name, points=points, bn=bn)
        self._restarted = 0  # times
        self._due = False

    def weight(self, num: int) -> float:
        """Of an iterate that comes after `num` others."""
        return running_mean(num + 1)

    @property
    def begun(self) -> bool:
        """Whether there is an average: between a restart and the next iterate the one before."""
        return self._num > 0 or self._restarted > 0

    def observe(self, state: TrainState) -> None:
        """Take the iterate in where a point was passed, and see whether a restart is due."""
        before = self._seen if self._seen <= state.t else 0.0  # another stage
        super().observe(state)
        passed, now = (self._restarts.count(min(t, self._stop)) for t in (before, state.t))
        if now > passed and self._num:
            self._due = True

    def restart(self, state: TrainState, batches: Batches) -> Solution | None:
        """The average, where a restart is due."""
        if not self._due:
            return None
        average = self.solution(batches)
        self._due, self._num = False, 0
        self._restarted += 1
        return Solution([*average.parameters()], [*average.buffers()], reset_momentum=True)

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {**super().describe(), "restarts": self._restarted}

    def state_dict(self) -> dict[str, Any]:
        """The average's, and whether a restart is due."""
        return {**super().state_dict(), "restarted": self._restarted, "due": self._due}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        super().load_state_dict(state_dict)
        self._restarted, self._due = state_dict["restarted"], state_dict["due"]
