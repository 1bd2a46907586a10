"""Periodic stochastic weight averaging (Guo, Jin and Liu 2022, arXiv:2201.00519)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from basin.averaging.points import Periodic, check_points
from basin.averaging.swa import running_mean
from basin.averaging.weight_average import WeightAverage
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
        epochs: float,
        start: float,
        period: float,
        restart_every: float,
        stop: float,
        bn: Mapping[str, Any],
    ) -> None:
        points = Periodic(start, period, exclusive=True)
        check_points(points, epochs)
        if restart_every < period:
            raise ValueError(
                f"restart_every={restart_every:g} is less than period={period:g}:"
                " there would be nothing to write back"
            )
        super().__init__(model, name, points=points, bn=bn)
        self._restarts, self._stop = Periodic(start, restart_every, exclusive=True), stop
        self._restarted = 0  # times
        self._due = False

    def weight(self, num: int) -> float:
        """Of an iterate that comes after `num` others."""
        return running_mean(num + 1)

    def observe(self, state: TrainState) -> None:
        """Take the iterate in where a point was passed, and see whether a restart is due."""
        before = min(self._seen, self._stop)
        taken = self._look(state)
        now = min(state.t, self._stop)
        if taken and self._restarts.count(now) > self._restarts.count(before):
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
