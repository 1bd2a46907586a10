"""Rank correlation of measures with a score over runs, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, rankdata

LEVEL = 0.95
"""Of the percentile intervals."""


@dataclass(frozen=True)
class Correlation:
    """nan where a measure or the score is the same in all runs."""

    kendall: float  # tau-b
    kendall_interval: tuple[float, float]
    spearman: float
    spearman_interval: tuple[float, float]


def correlate(
    measures: Mapping[str, np.ndarray], score: np.ndarray, *, resamples: int, seed: int
) -> dict[str, Correlation]:
    """Kendall and Spearman of each measure (N,) with the score (N,), by resampling of runs.

    Resamples in which either is constant have no correlation and are left out.
    ValueError for fewer than 3 runs.
    """
    num = len(score)
    if num < 3:
        raise ValueError(f"correlate= has {num} runs; a rank correlation needs 3 or more")
    picks = np.random.default_rng(seed).integers(0, num, (resamples, num))
    result = {}
    for name, values in measures.items():
        drawn = np.array([ranked(values[pick], score[pick]) for pick in picks])
        kendall, spearman = ranked(values, score)
        result[name] = Correlation(kendall, interval(drawn[:, 0]), spearman, interval(drawn[:, 1]))
    return result


def ranked(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Kendall's tau-b and Spearman's rho; nan where either side is constant."""
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan"), float("nan")
    spearman = np.corrcoef(rankdata(left), rankdata(right))[0, 1]
    return float(kendalltau(left, right).statistic), float(spearman)


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """The percentile interval of what is not nan."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
