"""How well the scores of one rung rank configurations as another's do, with bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000
LEAST = 4
"""Configurations below which no correlation is given."""


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
    spearman = _correlation(left, right, lambda a, b: stats.spearmanr(a, b).statistic)
    kendall = _correlation(left, right, lambda a, b: stats.kendalltau(a, b).statistic)
    return Agreement(len(left), spearman, kendall)


def _correlation(left: Sequence[float], right: Sequence[float], statistic) -> Correlation:  # type: ignore[no-untyped-def]
    if len(left) < LEAST:
        return Correlation(None, None, None)
    a, b = (stats.rankdata(one) for one in (left, right))  # inf is a rank like any other
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        value = float(statistic(a, b))
        drawn = stats.bootstrap(
            (a, b),
            statistic,
            paired=True,
            vectorized=False,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
    if isnan(value):
        return Correlation(None, None, None)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])  # a resample of one value has none
    return Correlation(value, float(low), float(high))
