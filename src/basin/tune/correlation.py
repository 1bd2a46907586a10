"""How well the scores of one rung rank configurations as another's do, with bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000
BATCH = 200
"""Resamples at a time, which bounds the memory of their pairs."""
LEAST = 4
"""Configurations below which no correlation is given."""


Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Correlation:
    """A coefficient with its percentile bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """Of the same n configurations in two places."""

    n: int
    spearman: Correlation
    kendall: Correlation  # tau b


def agreement(left: Sequence[float], right: Sequence[float]) -> Agreement:
    """Rank correlations of paired scores; a score of inf is the worst, and ties with another."""
    return Agreement(
        len(left), _correlation(left, right, spearman), _correlation(left, right, kendall)
    )


def spearman(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """Pearson's r of ranks, of ties their mean; (..., n) twice -> (...)."""
    x, y = (stats.rankdata(one, axis=axis) for one in (a, b))
    x, y = (one - one.mean(axis, keepdims=True) for one in (x, y))
    with np.errstate(invalid="ignore"):  # 0 / 0 where all are equal
        r: np.ndarray = (x * y).sum(axis) / np.sqrt((x**2).sum(axis) * (y**2).sum(axis))
    return r


def kendall(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """tau b: concordant less discordant pairs, over those not tied; (..., n) twice -> (...)."""
    x, y = (np.sign(one[..., :, None] - one[..., None, :]) for one in (a, b))
    pairs = (axis - 1, axis)
    with np.errstate(invalid="ignore"):
        tau: np.ndarray = (x * y).sum(pairs) / np.sqrt((x**2).sum(pairs) * (y**2).sum(pairs))
    return tau


def _correlation(
    left: Sequence[float], right: Sequence[float], statistic: Statistic
) -> Correlation:
    if len(left) < LEAST:
        return Correlation(None, None, None)
    a, b = (stats.rankdata(one) for one in (left, right))  # inf is a rank like any other
    value = float(statistic(a, b))
    if isnan(value):
        return Correlation(None, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            (a, b),
            statistic,
            paired=True,
            vectorized=True,
            batch=BATCH,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])  # a resample of equal values has none
    return Correlation(value, float(low), float(high))
