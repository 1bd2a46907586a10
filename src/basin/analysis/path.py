"""Scores along a curve of networks, and what is reported of them.

Garipov et al. 2018 (arXiv:1802.10026): 61 equidistant t, and of each score its values at the ends,
its least, greatest and mean value over t, and its mean over arc length by the trapezoid rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from basin.analysis.points import SCORES
from basin.analysis.vectors import weights_of

COLUMNS = ("start", "end", "min", "max", "avg", "int")


def along(
    at: Callable[[float], nn.Module],
    ts: Sequence[float],
    measure: Callable[[nn.Module], dict[str, float]],
    tell: Callable[[str], None],
) -> dict[str, np.ndarray]:
    """Arrays (T,): `ts`, `dl` (distance from the point before; the first is 0) and every score."""
    rows, lengths, before = [], [0.0], None
    for t in ts:
        network = at(t)
        weights = weights_of(network)
        if before is not None:
            lengths.append(torch.linalg.vector_norm(weights - before).item())
        before = weights
        rows.append(measure(network))
        tell(line(f"t {t:.4f}", rows[-1]))
    scores = {name: np.array([row[name] for row in rows]) for name in SCORES}
    return {"ts": np.array(ts), "dl": np.array(lengths), **scores}


def line(place: str, scores: dict[str, float]) -> str:
    """One point in words."""
    return (
        f"{place}  train loss {scores['train_loss']:.4f}  NLL {scores['train_nll']:.4f}"
        f"  error {scores['train_error']:.2f} %  test NLL {scores['test_nll']:.4f}"
        f"  error {scores['test_error']:.2f} %"
    )


def statistics(values: np.ndarray, lengths: np.ndarray) -> dict[str, float]:
    """COLUMNS of one score (T,) at points that lie `lengths` (T,) from the one before."""
    steps = lengths[1:]
    mean = float(np.sum((values[:-1] + values[1:]) / 2 * steps) / np.sum(steps))
    found = (values[0], values[-1], values.min(), values.max(), values.mean(), mean)
    return dict(zip(COLUMNS, map(float, found), strict=True))


def table(points: dict[str, np.ndarray]) -> str:
    """The length of the curve and the statistics of every score."""
    rows = [f"length {points['dl'].sum():.4f}", f"{'':12}" + "".join(f"{c:>11}" for c in COLUMNS)]
    for name in SCORES:
        found = statistics(points[name], points["dl"])
        rows.append(f"{name:12}" + "".join(f"{value:11.4f}" for value in found.values()))
    return "\n".join(rows)
