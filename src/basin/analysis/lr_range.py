"""The learning-rate range test (Smith 2017, arXiv:1506.01186, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

SMOOTHED = 5
"""Measurements of which the middle one becomes the mean."""
STARTS, SLOWS = 0.1, 0.9
"""Shares of the accuracy's whole rise at which it has started, and at which it slows."""
NEEDED = 3 * SMOOTHED
"""Measurements, each of an update or more: before, in and after the rise as many as in a mean."""
THUMB = 3
"""The paper's rule of thumb: base = maximum / 3, or / 4."""
LEAST_RISE = 5.0
"""Per cent of accuracy; a smaller rise may be noise."""


@dataclass(frozen=True)
class Measurement:
    """One point of the ramp."""

    lr: float  # of the last update before it
    loss: float  # mean training loss since the point before
    accuracy: float  # per cent, of held-out examples


@dataclass(frozen=True)
class Suggestion:
    """Bounds for a cyclical rate; a fixed one is best below the maximum."""

    base: float
    maximum: float


def diverged(losses: Sequence[float], factor: float) -> bool:
    """Whether the latest loss is not finite, or above the first and `factor` times the lowest."""
    return not isfinite(losses[-1]) or losses[-1] > max(losses[0], factor * min(losses))


def smoothed(values: Sequence[float], width: int = SMOOTHED) -> list[float]:
    """Means of `width` neighbours, of fewer at the ends, on either side the same number."""
    means = []
    for i in range(len(values)):
        reach = min(width // 2, i, len(values) - 1 - i)
        near = values[i - reach : i + reach + 1]
        means.append(sum(near) / len(near))
    return means


def suggest(points: Sequence[Measurement]) -> Suggestion | None:
    """Bounds from the accuracy's curve; None where it is short or does not rise by 5 per cent.

    The paper reads them off a picture: base where accuracy starts to rise, maximum where the rise
    slows, becomes ragged or turns. Here, of the smoothed accuracy with minimum a (before its peak)
    and peak b: base is the first rate at a + (b - a) / 10 or above, but no more than a third of the
    maximum, which is the first at a + 9 (b - a) / 10.
    """
    if len(points) < NEEDED:
        return None
    accuracies = smoothed([point.accuracy for point in points])
    peak = max(accuracies)
    lowest = min(accuracies[: accuracies.index(peak) + 1])
    if peak - lowest < LEAST_RISE:
        return None

    def first_at(share: float) -> float:
        level = lowest + share * (peak - lowest)
        start = accuracies.index(lowest)
        return next(
            point.lr
            for point, accuracy in zip(points[start:], accuracies[start:], strict=True)
            if accuracy >= level
        )

    maximum = first_at(SLOWS)
    return Suggestion(min(first_at(STARTS), maximum / THUMB), maximum)
