"""How the predictions of a whole part of a data set are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Score = Callable[["Tensor", "Tensor"], dict[str, float]]
"""Outputs (N, K) of a model and targets (N,) -> scores by name, each the better the lower.

The first is the headline: the best epoch is chosen by it, and sweeps and tables read it.
"""


def headline(scores: Mapping[str, float]) -> str:
    """Name of the score that sweeps read: `error` of a classification."""
    return next(iter(scores))


def score_text(name: str, value: float | None) -> str:
    """`error 4.80 %`, and any other score with its digits: `excess_risk 1.234e-06`.

    None is what a record has of a number that was not finite.
    """
    if value is None:
        return f"{name} not finite"
    return f"error {value:.2f} %" if name == "error" else f"{name} {value:.4g}"
