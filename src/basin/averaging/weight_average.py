"""What averages of weights share: a copy that moves towards the iterates, and its predictor."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from basin.averaging.points import Periodic
from basin.core.protocols import Batches, Solution, TrainState
from basin.core.reestimation import Reestimation


class WeightAverage:
    """average += weight(num) (iterate - average) at each of the points, from the first iterate on.

    Parameters are averaged; buffers are the latest iterate's. bn: basin.core.reestimation, of a
    copy, at each evaluation. With points that begin at 0 the weights that the stage begins with
    are the first iterate. One point is taken in at most at an update.

    torch.optim.swa_utils.AveragedModel computes the same. It is not used: it keeps its count on the
    device and reads it at each update, and its update_bn weighs every minibatch alike.
    """

    rule = ""

    def __init__(
        self, model: nn.Module, name: str, *, points: Periodic, bn: Mapping[str, Any]
    ) -> None:
        self._name, self._points, self._reestimation = name, points, Reestimation(**bn)
        self._average = copy.deepcopy(model)
        self._num = points.count(0.0)  # iterates so far
        self._seen = 0.0  # t

    def weight(self, num: int) -> float:
        """Of an iterate that comes after `num` others, 1 or more."""
        raise NotImplementedError

    @property
    def begun(self) -> bool:
        """Whether there is an average."""
        return self._num > 0

    def observe(self, state: TrainState) -> None:
        """Take the iterate in where a point was passed."""
        if state.t < self._seen:  # the average goes on in another stage
            self._seen = 0.0
        if self._points.count(state.t) > self._points.count(self._seen):
            move_(self._average, state.model, self.weight(self._num) if self._num else 1.0)
            self._num += 1
        self._seen = state.t

    def solution(self, batches: Batches) -> nn.Module:
        """A copy in eval mode, with BN statistics of its own where that is asked for."""
        return self._reestimation(copy.deepcopy(self._average), batches)

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The average, once it has begun."""
        if self.begun:
            yield self._name, self.solution(batches)

    def restart(self, state: TrainState, batches: Batches) -> Solution | None:
        """Nothing: the live weights go their own way."""
        return None

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"rule": self.rule, "iterates": self._num}

    def state_dict(self) -> dict[str, Any]:
        """The average, of how many iterates, and how far it has looked."""
        return {"average": self._average.state_dict(), "count": self._num, "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._average.load_state_dict(state_dict["average"])
        self._num, self._seen = state_dict["count"], state_dict["seen"]


@torch.no_grad()
def move_(average: nn.Module, model: nn.Module, weight: float) -> None:
    """average += weight (model - average); with weight 1 it is the model, bitwise."""
    mine = [p.detach() for p in average.parameters()]
    torch._foreach_lerp_(mine, [p.detach() for p in model.parameters()], weight)
    buffers = list(average.buffers())
    if buffers:
        torch._foreach_copy_(buffers, list(model.buffers()))
