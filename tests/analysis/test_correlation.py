"""Rank correlations against scipy, and their intervals."""

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from basin.analysis.correlation import correlate


def test_they_are_scipys_and_the_intervals_hold_them():
    random = np.random.default_rng(0)
    score = random.normal(size=20)
    measures = {"near": score + 0.3 * random.normal(size=20), "none": random.normal(size=20)}
    found = correlate(measures, score, resamples=100, seed=1)
    for name, values in measures.items():
        one = found[name]
        assert one.kendall == pytest.approx(kendalltau(values, score).statistic)
        assert one.spearman == pytest.approx(spearmanr(values, score).statistic)
        assert one.kendall_interval[0] < one.kendall < one.kendall_interval[1]
        assert one.spearman_interval[0] < one.spearman < one.spearman_interval[1]
    assert found["near"].kendall_interval[0] > 0.3
    low, high = found["none"].spearman_interval
    assert high - low > 0.5


def test_they_are_of_ranks_alone():
    score = np.arange(8.0)
    found = correlate({"up": np.exp(score), "down": -(score**3)}, score, resamples=50, seed=0)
    assert (found["up"].kendall, found["up"].spearman) == pytest.approx((1, 1))
    assert found["down"].spearman_interval == pytest.approx((-1, -1))


def test_a_constant_measure_has_no_correlation():
    (one,) = correlate({"flat": np.ones(4)}, np.arange(4.0), resamples=20, seed=0).values()
    assert np.isnan([one.kendall, one.spearman, *one.kendall_interval]).all()


def test_two_runs_are_too_few():
    with pytest.raises(ValueError, match="correlate= has 2 runs; a rank correlation needs 3"):
        correlate({"m": np.arange(2.0)}, np.arange(2.0), resamples=5, seed=0)
