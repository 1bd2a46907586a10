"""Intervals and numbers of runs, against scipy's own tests and by simulation."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from basin.report.paper.separability import separability
from basin.report.paper.statistics import Arm, Sample, paired, runs_needed, welch

OURS, THEIRS = (72.1, 72.9, 72.4, 73.0), (71.8, 72.0, 72.3)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_welch_is_scipys(level):
    found = welch(Sample(OURS).arm(), Sample(THEIRS).arm(), level)
    low, high = stats.ttest_ind(OURS, THEIRS, equal_var=False).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.difference == pytest.approx(np.mean(OURS) - np.mean(THEIRS))


def test_against_a_constant_it_is_the_test_of_one_sample():
    found = welch(Sample(OURS).arm(), Arm(72.0, 0.0, inf), 0.95)
    low, high = stats.ttest_1samp(OURS, 72.0).confidence_interval(0.95)
    assert (found.low + 72, found.high + 72) == pytest.approx((low, high))


def test_paired_is_scipys_and_needs_two():
    found = paired(OURS[:3], THEIRS, 0.95)
    low, high = stats.ttest_rel(OURS[:3], THEIRS).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert paired(OURS[:1], THEIRS[:1], 0.95) is None


def test_runs_that_do_not_differ_have_an_interval_of_no_width():
    same = Sample((5.0, 5.0, 5.0)).arm()
    found = welch(same, same, 0.95)
    assert (found.low, found.high) == (0, 0)
    assert found.inside(0.1) and not found.excludes_zero()


def test_one_run_has_no_interval():
    one = Sample((5.0,))
    assert one.sd is None and one.arm() is None and one.half_width(0.95) is None
    assert one.aggregate("median", higher_is_better=True) == 5.0


def test_the_best_one_depends_on_the_direction():
    assert Sample(OURS).aggregate("best", higher_is_better=True) == 73.0
    assert Sample(OURS).aggregate("best", higher_is_better=False) == 72.1


def test_the_runs_that_are_advised_have_the_power_that_is_promised():
    sd, delta, target = 0.25, 0.3, Arm(0.0, 0.05, 19)
    n = runs_needed(sd, target, delta)
    generator, trials = np.random.default_rng(0), 4000

    def power(num):
        ours = generator.normal(0, sd, (trials, num))
        theirs = generator.normal(0, target.se, trials)
        se2, rest = ours.var(axis=1, ddof=1) / num, target.se**2
        df = (se2 + rest) ** 2 / (se2**2 / (num - 1) + rest**2 / target.df)
        half = stats.t.ppf(0.95, df) * np.sqrt(se2 + rest)
        return (np.abs(ours.mean(axis=1) - theirs) + half <= delta).mean()

    assert power(n) > 0.77 and power(n - 2) < 0.8


def test_no_number_of_runs_makes_up_for_an_uncertain_target():
    assert runs_needed(0.1, Arm(0.0, 0.5 / sqrt(2), 1), 0.3) is None


def test_an_additive_grid_is_separable_and_a_diagonal_one_is_not():
    rows, columns = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0, 2.0, 1.0]])
    additive = separability((rows + columns).tolist(), higher_is_better=True)
    assert additive.score == pytest.approx(1) and additive.moves == 0
    diagonal = separability(np.eye(3).tolist(), higher_is_better=True)
    assert diagonal.score == pytest.approx(0) and diagonal.moves == 1
    assert separability(np.eye(3).tolist(), higher_is_better=False).moves < 1
    assert separability([[1.0, None], [2.0, 3.0]], higher_is_better=True) is None
    assert separability([[1.0, 1.0], [1.0, 1.0]], higher_is_better=True) is None
