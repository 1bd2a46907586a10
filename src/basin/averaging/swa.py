"""Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407, Algorithm 1).

With every iterate of a tail it is the average of Ruppert (1988) and of Polyak and Juditsky (1992).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from basin.averaging.points import Periodic, check_points
from basin.averaging.weight_average import WeightAverage
from basin.core.clock import Epochs


def running_mean(count: int) -> float:
    """Weight of the n-th iterate in the mean of n: 1/n (Algorithm 1, line 7)."""
    return 1 / count


class SWA(WeightAverage):
    """Mean of the iterates after start, start + period, ... epochs of this stage.

    exclude_start: the first is that after start + period, as in Gadam's code (arXiv:2003.01247);
    null is false.
    """

    rule = "mean of weights"

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        epochs: Epochs,
        start: Epochs,
        period: Epochs,
        exclude_start: bool | None,
        bn: Mapping[str, Any],
    ) -> None:
        points = Periodic(start, period, bool(exclude_start))
        check_points(points, epochs)
        super().__init__(model, name, points=points, bn=bn)

    def weight(self, num: int) -> float:
        """Of an iterate that comes after `num` others."""
        return running_mean(num + 1)
