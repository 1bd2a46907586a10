"""What becomes of a stated expectation of one arm against another."""

import pytest

from basin.report.paper.gains import gain

BASE = dict(enumerate([30.0, 31.0, 32.0]))


def met(shifts, expect, delta=0.0):
    return gain({s: BASE[s] + d for s, d in enumerate(shifts)}, BASE, expect, delta).met


@pytest.mark.parametrize(
    ("shifts", "word"),
    [
        ([0.1, -0.1, 0.2], "as stated"),
        ([1.0, 1.2, 1.1], "as stated"),  # another error, and the difference within delta
        ([0.0, 2.5, -2.5], "undecided"),
        ([3.0, 3.1, 2.9], "opposite"),
        ([-3.0, -3.1, -2.9], "opposite"),
        ([1.9, 2.0, 2.2], "undecided"),
        ([0.1], "undecided"),  # one run has no interval
    ],
)
def test_the_same_is_within_delta_by_two_one_sided_tests(shifts, word):
    assert met(shifts, "same", delta=2.0) == word


def test_it_goes_by_the_90_per_cent_interval_of_the_pairs():
    """Mean 1, sd 1, n = 3: +-1.686 at 90 % (t = 2.920), +-2.484 at 95 %."""
    shifts = [0.0, 1.0, 2.0]
    assert met(shifts, "same", delta=2.69) == "as stated"
    assert met(shifts, "same", delta=2.68) == "undecided"


def test_arms_without_common_seeds():
    apart = {seed + 10: value for seed, value in BASE.items()}
    assert gain(apart, BASE, "same", 3.0).met == "as stated"
    assert gain(apart, BASE, "same", 1.0).met == "undecided"


def test_directions():
    assert met([-1.0, -1.1, -1.2], "lower") == "as stated"
    assert met([-1.0, -1.1, -1.2], "higher") == "opposite"
    assert met([-1.0, 1.0, 0.2], "lower") == "undecided"
    assert met([-742.0] * 3, "lower") == "as stated"
    assert met([1.0, 1.1, 1.2], None) == ""
