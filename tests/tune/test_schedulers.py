"""Rungs by hand."""

from math import inf

import pytest
from searches import search

from basin.tune.ladder import brackets, halving, ladder_of
from basin.tune.modes import MODES
from basin.tune.schedulers import Rung


def play(one, score):
    """Every rung in the order in which a single worker trains it."""
    scores, order = {}, []
    while (rung := next(iter(one.plan.wanted(scores)), None)) is not None:
        order.append(rung)
        scores[rung] = score(*rung)
    return scores, order


def test_budgets_are_powers_of_eta_below_the_last():
    assert ladder_of(1, 27, 3).budgets == (1, 3, 9, 27)
    assert ladder_of(1 / 3, 9, 3).budgets == (1 / 3, 1, 3, 9)
    assert ladder_of(0.5, 8, 2).budgets == (0.5, 1, 2, 4, 8)


def test_successive_halving_by_hand():
    assert halving(ladder_of(1, 27, 3), 27).survivors == (27, 9, 3, 1)
    assert halving(ladder_of(1, 27, 3), 81).survivors == (81, 27, 9, 3)
    scores, order = play(search(), lambda number, rung: [5, 3, 8, 1, 9, 2, 7, 6, 4][number] + rung)
    assert [one for one in order if one.rung == 1] == [Rung(3, 1), Rung(5, 1), Rung(1, 1)]
    assert [one for one in order if one.rung == 2] == [Rung(3, 2)]
    assert order[:9] == [Rung(n, 0) for n in range(9)] and len(order) == 13
    assert search().plan.out(scores) == {0, 1, 2, 4, 5, 6, 7, 8}


def test_a_rung_waits_for_the_one_below_and_ties_go_to_the_earlier():
    plan = search().plan
    scores = {Rung(n, 0): 1.0 for n in range(8)}
    assert list(plan.wanted(scores)) == [Rung(8, 0)] and plan.out(scores) == set()
    scores[Rung(8, 0)] = inf
    assert list(plan.wanted(scores)) == [Rung(0, 1), Rung(1, 1), Rung(2, 1)]
    assert plan.out(scores) == {3, 4, 5, 6, 7, 8}


def test_hyperbands_brackets_are_those_of_its_formula():
    """n = ceil((K + 1) / (s + 1) eta^s), worked out for R = 81, eta = 3."""
    made = brackets(ladder_of(1, 81, 3))
    assert [b.survivors[0] for b in made] == [81, 34, 15, 8, 5]
    assert [b.first for b in made] == [0, 1, 2, 3, 4]
    assert made[1].survivors == (34, 11, 3, 1) and made[4].survivors == (5,)
    assert [b.start for b in made] == [0, 81, 115, 130, 138]


def test_hyperband_plays_every_bracket():
    one = search(scheduler="hyperband", configurations=None)  # K = 2: 9, 5 and 3 configurations
    scores, order = play(one, lambda number, rung: number)
    counts = [sum(r.rung == rung for r in order) for rung in range(3)]
    assert counts == [9, 3 + 5, 1 + 1 + 3] and len({r.configuration for r in order}) == 17
    assert [one.plan.begins(n) for n in (0, 8, 9, 13, 14, 16)] == [0, 0, 1, 1, 2, 2]
    assert {r.configuration for r in scores if r.rung == 2} == {0, 9, 14, 15, 16}
    assert one.words({"lr": 1.0}, 14, 2)[-1] == "++stages.train={epochs:9.0}"


def test_asha_promotes_as_soon_as_it_can():
    """Algorithm 2 by hand: with three scores one may go on, before a fourth begins."""
    _, order = play(search(scheduler="asha"), lambda number, rung: -number)
    assert order[:5] == [Rung(0, 0), Rung(1, 0), Rung(2, 0), Rung(2, 1), Rung(3, 0)]
    assert order[5] == Rung(3, 1)  # among the best floor(4 / 3) now
    assert {r.configuration for r in order if r.rung == 0} == set(range(9))
    assert Rung(8, 2) in order


def test_everyone_goes_to_the_end_one_after_the_other():
    _, order = play(search(scheduler="all", configurations=2), lambda number, rung: number)
    assert order == [Rung(n, rung) for n in (0, 1) for rung in (0, 1, 2)]


@pytest.mark.parametrize(
    ("mode", "epochs"),
    [
        *((mode, 9 * 1 + 3 * 2 + 1 * 6) for mode in MODES if mode != "rescaled_from_scratch"),
        ("rescaled_from_scratch", 9 * 1 + 3 * 3 + 1 * 9),
    ],
)
def test_all_modes_that_continue_cost_the_same(mode, epochs):
    one = search(mode=mode)
    _, order = play(one, lambda number, rung: number)
    assert sum(one.rate.cost(one.ladder, 0, rung.rung) for rung in order) == epochs
