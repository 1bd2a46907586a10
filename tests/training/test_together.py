"""Passes of several runs as one (runtime.members): the same losses, gradients and statistics."""

import threading

import pytest
import torch
from toy import CPU, build, sgd, train

from basin.optimizer.sam import SAM, steepest
from basin.training.precision import Precision
from basin.training.together import Member, Together
from basin.training.turns import Turns

SEEDS = (7, 21, 35)
RATES = (0.1, 0.05, 0.2)


def in_turns(turns, works):
    """Each in a thread of its own; what they return, or raise."""
    results = [None] * len(works)

    def one(number):
        try:
            with turns.taking_part():
                results[number] = works[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def trained(number, compute=None, *, epochs=1.0, optimizer=None, **how):
    def method(groups, model):
        made = sgd(groups, lr=RATES[number])
        return (optimizer(made) if optimizer else made), {}, {}

    parts = build(method, seed=SEEDS[number], epochs=epochs, compute=compute, **how)
    around = train(parts)
    return {**parts.state.model.state_dict()}, around.sink.lines[-1], parts


def agree(members, alone, **tolerance):
    for (ours, line, parts), (theirs, expected, other) in zip(members, alone, strict=True):
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, **tolerance)
        assert line["train"]["loss"] == pytest.approx(expected["train"]["loss"], rel=1e-4)
        assert parts.state.counters == other.state.counters


def together(**how):
    group = Together()
    turns = Turns(3, group)
    works = [lambda n=n: trained(n, Member(n, turns), **how) for n in range(3)]
    return in_turns(turns, works), group


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_three_members_train_as_three_runs_do(dropout):
    """Eight updates, the last of half the size, of other seeds and rates, in float64."""
    members, group = together(dropout=dropout)
    agree(members, [trained(n, dropout=dropout) for n in range(3)], rtol=1e-10, atol=1e-12)
    assert group.joint == 8


def test_in_bf16_too():
    """Autocast's own rounding apart, which is 2**-8."""
    how = {"dropout": 0.0}
    members, _ = together(precision=Precision("bf16", CPU), **how)
    alone = [trained(n, precision=Precision("bf16", CPU), **how) for n in range(3)]
    for (ours, *_), (theirs, *_) in zip(members, alone, strict=True):
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=0.05, atol=0.02)


def test_a_pass_that_leaves_the_statistics_alone_does_so_for_every_member():
    """The second one of SAM."""

    def sam(base):
        return SAM(
            base=base,
            direction=steepest,
            rho=0.05,
            m=None,
            ascent_steps=1,
            decay="base",
            sync_ascent=False,
        )

    members, group = together(optimizer=sam)
    agree(members, [trained(n, optimizer=sam) for n in range(3)], rtol=1e-9, atol=1e-11)
    assert group.joint == 16


def test_one_that_ends_and_one_that_fails_leave_the_others():
    turns = Turns(3, Together())

    def failing(groups, model):
        made = sgd(groups, lr=RATES[1])
        step, made.calls = made.step, 0

        def until(closure):
            made.calls += 1
            if made.calls == 3:
                raise ArithmeticError("of member 1 alone")
            return step(closure)

        made.step = until
        return made, {}, {}

    def fails():
        train(build(failing, seed=SEEDS[1], compute=Member(1, turns)))

    works = [
        lambda: trained(0, Member(0, turns), epochs=0.5),
        fails,
        lambda: trained(2, Member(2, turns)),
    ]
    first, error, last = in_turns(turns, works)
    assert isinstance(error, ArithmeticError)
    agree([first, last], [trained(0, epochs=0.5), trained(2)], rtol=1e-10, atol=1e-12)


def test_what_cannot_be_computed_together_fails_for_every_member():
    def serve(passes):
        raise ValueError("no batching rule")

    turns = Turns(2, serve)
    results = in_turns(turns, [lambda n=n: turns.meet(n) for n in range(2)])
    assert [str(one) for one in results] == [
        "what runtime.members computes together: no batching rule"
    ] * 2


def test_only_one_runs_at_a_time():
    inside, most = [], []

    def work(number):
        for _ in range(20):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.0005)
            inside.remove(number)
            assert turns.meet(number) == -number
        return number

    turns = Turns(3, lambda asked: [-number for number in asked])
    assert in_turns(turns, [lambda n=n: work(n) for n in range(3)]) == [0, 1, 2]
    assert max(most) == 1
