"""Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407, Algorithm 1)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from math import floor
from typing import Any

import torch
from torch import nn

from basin.core.batchnorm import reestimate_
from basin.core.protocols import Batches, TrainState


def running_mean(count: int) -> float:
    """Weight of the n-th iterate in the mean of n: 1/n (Algorithm 1, line 7)."""
    return 1 / count


class SWA:
    """Mean of the iterates at the ends of epochs start, start + period, ...

    epochs, start, period: in epochs, of this stage; the iterate after `start` epochs is the first.
    At evaluation BN statistics of a copy are re-estimated over the augmented training set.
    Differs: only parameters are averaged; buffers other than BN's are those of the initial model.
    """

    def __init__(self, model: nn.Module, *, epochs: float, start: float, period: float) -> None:
        if not 0 < start <= epochs:
            raise ValueError(
                f"averaging.swa.start={start} is not in (0, {epochs:g}], the length of training:"
                " it would never average; lower it, or raise epochs"
            )
        if period <= 0:
            raise ValueError(f"averaging.swa.period={period} is not above 0")
        self._start, self._period = start, period
        self._average = copy.deepcopy(model)
        self._count, self._seen = 0, 0.0

    @torch.no_grad()
    def observe(self, state: TrainState) -> None:
        """Take the iterate in where a collection point was passed."""
        if self._points(state.t) > self._points(self._seen):
            self._count += 1
            mine = [p.detach() for p in self._average.parameters()]
            live = [p.detach() for p in state.model.parameters()]
            torch._foreach_lerp_(mine, live, running_mean(self._count))
        self._seen = state.t

    def _points(self, t: float) -> int:
        """Collection points in (0, t]."""
        return max(0, floor((t - self._start) / self._period + 1e-9) + 1)

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The average, once there is one."""
        if self._count:
            yield "swa", reestimate_(copy.deepcopy(self._average), batches(True, None))

    def restart(self, state: TrainState, batches: Batches) -> None:
        """Nothing: the live weights go their own way."""

    def state_dict(self) -> dict[str, Any]:
        """The average, its count, and how far it has looked."""
        return {"average": self._average.state_dict(), "count": self._count, "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._average.load_state_dict(state_dict["average"])
        self._count, self._seen = state_dict["count"], state_dict["seen"]
