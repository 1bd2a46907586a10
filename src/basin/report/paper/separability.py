"""How far two hyper-parameters can be chosen apart, from a complete grid of results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Separability:
    """Of one heat map.

    score: share of the variance over the grid that `row effect + column effect` explains: 1 means
        that neither best value depends on the other field; least squares, a two-way layout.
    moves: how many places the best column moves from one row to the next, on average.
    """

    score: float
    moves: float


def separability(grid: list[list[float | None]], *, higher_is_better: bool) -> Separability | None:
    """Of values (rows, columns); None where one is missing, or where all are equal."""
    if any(value is None for row in grid for value in row):
        return None
    values = np.array(grid, dtype=float)  # (rows, columns)
    total = np.square(values - values.mean()).sum()
    if total == 0:
        return None
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    rest = np.square(values - rows - columns + values.mean()).sum()
    best = (values if higher_is_better else -values).argmax(axis=1)
    return Separability(float(1 - rest / total), float(np.abs(np.diff(best)).mean()))
