"""Exponential moving average of the weights, with a decay that warms up.

The rule of tf.train.ExponentialMovingAverage: d_n = min(decay, (1 + n) / (10 + n)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from basin.averaging.points import Periodic, check_points
from basin.averaging.weight_average import WeightAverage
from basin.core.clock import Epochs


def decay_after(num: int, decay: float, *, warmup: bool) -> float:
    """d_n, the weight of the average when it meets another iterate after `num` of them."""
    return min(decay, (1 + num) / (10 + num)) if warmup else decay


class EMA(WeightAverage):
    """average = d average + (1 - d) iterate, at start + period, start + 2 period, ... epochs.

    It begins as the weights at `start`: those that the stage begins with where that is 0.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        epochs: Epochs,
        start: Epochs,
        period: Epochs,
        decay: float,
        warmup: bool,
        bn: Mapping[str, Any],
    ) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} is not in [0, 1)")
        points = Periodic(start, period, exclusive=False)
        check_points(points, epochs)
        super().__init__(model, name, points=points, bn=bn)
        self._decay, self._warmup = decay, warmup
        self.rule = f"exponential average of weights, decay {decay:g}"

    def weight(self, num: int) -> float:
        """Of an iterate that comes after `num` others."""
        return 1 - decay_after(num, self._decay, warmup=self._warmup)
