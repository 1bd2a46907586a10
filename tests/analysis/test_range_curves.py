"""Suggestions and divergence of a range test, from curves."""

import math

import pytest

from basin.analysis.lr_range import NEEDED, Measurement, diverged, smoothed, suggest


def points(accuracies, low=1e-4, high=1.0):
    ratio = (high / low) ** (1 / (len(accuracies) - 1))
    return [Measurement(low * ratio**i, 1.0, a) for i, a in enumerate(accuracies)]


def test_bounds_are_where_accuracy_starts_to_rise_and_where_it_slows():
    """Flat at 10 until 1e-3, on a line in log lr to 90 at 1e-1, falling to 10 at 1."""
    rates = [1e-4 * 10 ** (i / 25) for i in range(101)]
    curve = [
        10 + 80 * min(1, max(0, math.log10(lr) + 3) / 2) * (1 if lr <= 0.1 else 1 / (9 * lr))
        for lr in rates
    ]
    found = suggest([Measurement(lr, 1.0, a) for lr, a in zip(rates, curve, strict=True)])
    assert found.maximum == pytest.approx(0.1 * 10**-0.2, rel=0.2)  # 90 per cent of the rise
    assert found.base == pytest.approx(1e-3 * 10**0.2, rel=0.2)  # 10 per cent


def test_base_is_at_most_a_third_of_the_maximum():
    found = suggest(points([10.0] * 30 + [90.0] * 30))
    assert found.base == found.maximum / 3


def test_a_start_above_the_minimum_does_not_count_as_a_rise():
    falls_first = [60.0, 60, 60, 10, 10, 10, 10, 20, 40, 60, 80, 90, 90, 90, 50, 20]
    rates = [p.lr for p in points(falls_first)]
    assert suggest(points(falls_first)).base >= rates[4] / 3


@pytest.mark.parametrize("curve", [[10.0] * 40, [10.0 + i % 3 for i in range(40)], [10, 90, 90]])
def test_without_a_rise_nothing_is_suggested(curve):
    assert suggest(points(curve)) is None


def test_a_rise_of_few_measurements_is_none():
    rise = [10.0] * (NEEDED // 2) + [90.0] * (NEEDED - NEEDED // 2)
    assert suggest(points(rise)) is not None and suggest(points(rise[1:])) is None


def test_smoothing_keeps_a_line_and_the_ends():
    line = [float(i) for i in range(9)]
    assert smoothed(line) == pytest.approx(line)
    assert smoothed([0.0, 0, 5, 0, 0]) == pytest.approx([0, 5 / 3, 1, 5 / 3, 0])


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([2.3, 1.0, 2.0], False),
        ([2.3, 0.1, 0.5], False),  # four times a small loss is no divergence
        ([2.3, 1.0, 4.1], True),
        ([2.3, 2.2, 2.5], False),
        ([2.3, math.nan], True),
        ([math.inf], True),
    ],
)
def test_divergence(losses, stops):
    assert diverged(losses, 4.0) is stops
