"""Slices through a loss: along filter-normalised directions, and along rays of unit length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import nn

from basin.analysis.flatness import unit
from basin.analysis.landscape import Landscape
from basin.analysis.points import SCORES, Pass
from basin.analysis.vectors import put_
from basin.core.protocols import Objective


def line_slice(
    network: nn.Module, objective: Objective, batches: Pass, *, ts: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Arrays (T,) `ts`, `loss`, `error` (per cent) at w + t d, d filter-normalised."""
    landscape = Landscape(network, objective, batches)
    direction = landscape.filter_normalised(landscape.noise(seed, "slice", 0))
    with landscape.kept():
        found = [landscape.score(landscape.origin + float(t) * direction) for t in ts]
    return {
        "ts": ts,
        "loss": np.array([score.loss for score in found]),
        "error": np.array([score.error for score in found]),
    }


def plane_slice(
    network: nn.Module, objective: Objective, batches: Pass, *, ts: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Arrays `grid` (T, T, 2), `loss` and `error` (T, T) at w + x d + y e, both filter-normalised.

    Two random directions of many weights are all but at right angles (Li et al. 2018).
    """
    landscape = Landscape(network, objective, batches)
    d, e = (landscape.filter_normalised(landscape.noise(seed, "slice", i)) for i in (0, 1))
    grid = np.stack(np.meshgrid(ts, ts, indexing="ij"), axis=-1)
    found = np.empty(grid.shape)
    with landscape.kept():
        for i, j in np.ndindex(*grid.shape[:2]):
            x, y = (float(value) for value in grid[i, j])
            score = landscape.score(landscape.origin + x * d + y * e)
            found[i, j] = score.loss, score.error
    return {"grid": grid, "loss": found[..., 0], "error": found[..., 1]}


def rays(
    network: nn.Module,
    measure: Callable[[nn.Module], dict[str, float]],
    *,
    ts: Sequence[float],
    count: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Arrays (R, T) of every score at w + t d / |d|, d normal (Izmailov et al. 2018, section 3.4).

    The same directions for every network of a shape. measure may re-estimate BN statistics.
    """
    landscape = Landscape(network, lambda logits, targets: logits, lambda: iter(()))
    rows = {name: np.empty((count, len(ts))) for name in SCORES}
    with landscape.kept():
        for ray in range(count):
            direction = unit(landscape.noise(seed, "ray", ray))
            for i, t in enumerate(ts):
                found = measure(put_(network, landscape.origin + float(t) * direction))
                for name in SCORES:
                    rows[name][ray, i] = found[name]
    return rows
