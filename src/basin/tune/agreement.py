"""How well the scores of one rung rank configurations as the final ones do."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

from scipy.stats import rankdata

from basin.analysis.correlation import correlate

RESAMPLES = 1000
SEED = 0
"""Of the resamples: a report says the same each time."""
LEAST = 4
"""Configurations below which no correlation is given."""


def agreement(rung: Sequence[float], final: Sequence[float]) -> dict[str, Any]:
    """Rank correlations of paired scores; None where they are not defined.

    A score of inf is the worst, and ties with another.
    """
    if len(rung) < LEAST:
        return undefined(len(rung))
    ranks = {"rung": rankdata(rung)}
    one = correlate(ranks, rankdata(final), resamples=RESAMPLES, seed=SEED)["rung"]
    return {
        "n": len(rung),
        "spearman": _plain(one.spearman, one.spearman_interval),
        "kendall": _plain(one.kendall, one.kendall_interval),
    }


def undefined(num: int) -> dict[str, Any]:
    """No correlations, of that many configurations."""
    none = {"value": None, "low": None, "high": None}
    return {"n": num, "spearman": none, "kendall": none}


def _plain(value: float, interval: tuple[float, float]) -> dict[str, float | None]:
    values = {"value": value, "low": interval[0], "high": interval[1]}
    return {name: None if isnan(one) else one for name, one in values.items()}
