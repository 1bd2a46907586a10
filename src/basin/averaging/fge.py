"""Fast geometric ensembling (Garipov et al. 2018, arXiv:1802.10026, section 4)."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from basin.averaging.members import Members
from basin.averaging.points import Periodic, check_points
from basin.averaging.prediction_average import PredictionAverage


class FGE(PredictionAverage):
    """The iterates at the minima of a triangular rate: after cycle/2, cycle/2 + cycle, ... epochs.

    Of this stage, whose rate begins at the maximum; the network that it begins with is no member.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        folder: Path | None,
        *,
        epochs: float,
        cycle: float,
        keep: str,
    ) -> None:
        points = Periodic(cycle / 2, cycle, exclusive=False)
        check_points(name, points, epochs)
        members = Members(model, name, keep=keep, folder=folder)
        super().__init__(name, members, count=points.count, most=None)
