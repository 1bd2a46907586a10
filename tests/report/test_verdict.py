"""Words that numbers allow."""

from math import inf

import pytest

from basin.report.paper.forms import Cell, Delta, Reported
from basin.report.paper.statistics import Sample
from basin.report.paper.verdict import delta_of, judge, target

TIGHT = (72.5, 72.6, 72.55, 72.6, 72.5)


def cell(value=72.55, **changes):
    given = {"spread": 0.1, "kind": "sd", "n": 5, "tag": "R:x", **changes.pop("reported", {})}
    return Cell(row="a", column="b", reported=Reported(value=value, **given), **changes)


def word(one, values, *, delta=0.5, inferred=()):
    return judge(one, Sample(values), delta=delta, inferred=inferred)


def test_reproduced_is_an_interval_inside_delta():
    found = word(cell(), TIGHT)
    assert found.text == "reproduced" and found.flags == ()
    assert found.interval.low < 0 < found.interval.high


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("accuracy", 71.0, "better"),
        ("accuracy", 74.0, "worse"),
        ("error", 71.0, "worse"),
        ("error", 74.0, "better"),
    ],
)
def test_better_and_worse_go_by_the_metric(metric, value, expected):
    assert word(cell(value, metric=metric), TIGHT).text == expected


def test_a_small_difference_that_is_sure_is_not_better():
    values = (73.0, 73.02, 72.98, 73.0, 73.0)
    assert word(cell(72.6), values, delta=0.5).word == "reproduced"
    assert word(cell(72.6), values, delta=0.39).word == "better"
    assert word(cell(72.6, reported={"spread": 0.14}), values, delta=0.45).word == "inconclusive"


def test_too_few_runs_say_how_many_are_needed():
    found = word(cell(), (71.9, 73.2))
    assert found.word == "inconclusive" and found.why.startswith("n = 2, ")
    needed = int(found.why.split()[3])
    assert needed > 5
    assert word(cell(), (72.5,)).interval is None
    assert word(cell(), (72.5,)).text.startswith("inconclusive (n = 1, ")


def test_one_run_is_advised_by_the_spread_of_the_reported_ones():
    def needed(**reported):
        return word(cell(reported=reported), (72.5,)).text

    by_sd = needed(spread=0.2, kind="sd", n=5)
    assert by_sd == "inconclusive (n = 1, 4 needed)"
    assert needed(spread=0.2 / 5**0.5, kind="se", n=5) == by_sd
    assert needed(spread=1.96 * 0.2 / 5**0.5, kind="ci95", n=5) == by_sd
    assert needed(spread=0.2, kind="ci95", n=None) == "inconclusive (n = 1: no interval)"


def test_without_a_delta_only_differences_are_found():
    assert word(cell(), TIGHT, delta=None).text == "inconclusive (n = 5; no delta is stated)"
    assert word(cell(70.0), TIGHT, delta=None).word == "better"


def test_an_inferred_recipe_is_consistent_at_most():
    found = word(cell(), TIGHT, inferred=("optimizer.lr", "epochs"))
    assert found.text == "consistent (recipe incomplete: optimizer.lr, epochs)"
    assert word(cell(70.0), TIGHT, inferred=("epochs",)).text == (
        "better (recipe incomplete: epochs)"
    )


@pytest.mark.parametrize("tag", ["M", "M-hi", "I", "W", "D", "D:x", "C", "G", ""])
def test_an_unverified_number_is_judged_by_nobody(tag):
    found = word(cell(reported={"tag": tag}), TIGHT)
    assert found.text == "unverified target" and found.interval is None
    assert found.difference == pytest.approx(0.0)


@pytest.mark.parametrize("tag", ["T", "P", "R", "R:x", "L", "L:y", "F"])
def test_a_number_that_was_read_is_a_target(tag):
    found = word(cell(reported={"tag": tag}), TIGHT)
    assert found.word == "reproduced"
    assert found.flags == (("approximate: read off a picture",) if tag == "F" else ())


def test_what_a_spread_is():
    arm, flags = target(Reported(value=1, spread=0.2, kind="sd", n=4), "mean")
    assert (arm.se, arm.df, flags) == (0.1, 3, [])
    arm, flags = target(Reported(value=1, spread=0.1, kind="se", n=4), "mean")
    assert (arm.se, arm.df) == (0.1, 3)
    arm, flags = target(Reported(value=1, spread=0.1, kind="se"), "mean")
    assert (arm.se, arm.df, flags) == (0.1, inf, ["reported se without its n: as of many runs"])
    arm, flags = target(Reported(value=1, spread=0.196, kind="ci95", n=5), "mean")
    assert arm.se == pytest.approx(0.1) and arm.df == 4
    assert flags == ["reported 95 % CI: se = CI/1.96"]
    for given, aggregate, flag in (
        (Reported(value=1), "median", "reported median without a spread: a constant"),
        (
            Reported(value=1, spread=0.2, kind="sd"),
            "mean",
            "reported sd without its n: a constant",
        ),
    ):
        arm, flags = target(given, aggregate)
        assert (arm.se, arm.df, flags) == (0.0, inf, [flag])


def test_the_best_of_several_has_no_verdict():
    assert word(cell(aggregate="best"), TIGHT).why == "the best of several has no interval"


def test_a_median_is_compared_by_the_mean_and_says_so():
    found = word(cell(aggregate="median"), TIGHT)
    assert "the interval is of our mean" in found.flags


def test_deltas_go_by_the_data_set_unless_a_reason_is_given():
    assert delta_of(cell(), "cifar10") == 0.3 and delta_of(cell(), "cifar100") == 0.5
    assert delta_of(cell(), "svhn") is None and delta_of(cell(metric="nll"), "cifar10") is None
    assert delta_of(cell(delta=Delta(0.6, "sources disagree")), "cifar10") == 0.6


def test_nothing_reported_is_no_verdict():
    assert judge(Cell(row="a", column="b"), Sample(TIGHT), delta=0.5, inferred=()).word == (
        "nothing reported"
    )
