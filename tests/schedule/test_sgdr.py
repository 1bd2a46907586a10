"""Warm restarts: the ideal form against torch, the codes' forms against loops as they run."""

import math
import random

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from basin.core.clock import Clock
from basin.schedule.sgdr import SGDR

AUTHORS = {"first_cycle": 10, "multiplier": 2, "floor": 0.0, "form": "sgdr", "examples": 100_000}


def at(clock, update):
    return clock.epochs(f"{update} steps")


def test_the_papers_vectors():
    schedule = SGDR(clock=Clock(781 * 128, 128), **AUTHORS)
    for (epoch, batch), rate in {
        (0, 0): 0.05,
        (0, 1): 0.0499999979787,
        (4, 0): 0.0327349852974,
        (9, 780): 2.476e-08,
        (10, 0): 1.263e-08,
        (10, 1): 0.0499999994947,
        (20, 0): 0.0250125663701,
        (29, 780): 1.819e-08,
    }.items():
        digits = 5e-12 if rate < 1e-6 else 5e-14
        assert 0.05 * schedule(epoch + batch / 781) == pytest.approx(rate, rel=0, abs=digits)


def test_the_ideal_form_begins_at_the_maximum():
    schedule = SGDR(clock=Clock(781 * 128, 128), **AUTHORS | {"form": "ideal"})
    assert schedule(0.0) == schedule(10.0) == schedule(30.0) == 1.0
    assert schedule(20.0) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_ideal_form_is_torchs(seed):
    draw = random.Random(seed)
    clock = Clock(draw.choice([36, 1000, 50_000]), draw.choice([8, 16, 36]))
    first, multiplier, low = draw.choice([1, 3, 10]), draw.choice([1, 2, 3]), draw.choice([0, 0.01])
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    theirs = CosineAnnealingWarmRestarts(optimizer, first, multiplier, eta_min=low)
    fields = {"first_cycle": first, "multiplier": multiplier, "floor": low / 0.1}
    schedule = SGDR(clock=clock, **fields, form="ideal", examples=None)
    for _ in range(100):
        update = draw.randrange(60 * clock.steps_per_epoch)
        epoch, batch = divmod(update, clock.steps_per_epoch)
        theirs.step(epoch + batch / clock.steps_per_epoch)
        rate = optimizer.param_groups[0]["lr"]
        assert 0.1 * schedule(at(clock, update)) == pytest.approx(rate, rel=1e-11, abs=1e-15)


def as_sgdr_runs(clock, num, length, multiplier, epochs):
    """SGDR_WRNs.py: the rate is moved after each update, the restart comes after the epoch."""
    phase, restart, rate, rates = 0.0, length, 1.0, []
    for epoch in range(epochs):
        for _ in range(clock.steps_per_epoch):
            rates.append(rate)
            phase += math.pi / length / (num / clock.batch_size)
            if phase >= math.pi:
                phase -= math.pi
            rate = (1 + math.sin(math.pi / 2 + phase)) / 2
        if epoch + 1 == restart:
            phase, length = 0.0, length * multiplier
            restart += length
    return rates


@pytest.mark.parametrize("num", [99_968, 5000])  # the last batch dropped, and kept
@pytest.mark.parametrize(("length", "multiplier"), [(1, 2), (3, 1), (2, 3)])
def test_the_form_of_sgdrs_code(num, length, multiplier):
    clock = Clock(num, 128)
    whole = 100_000 if num == 99_968 else None
    fields = {"first_cycle": length, "multiplier": multiplier, "floor": 0.0}
    schedule = SGDR(clock=clock, **fields, form="sgdr", examples=whole)
    rates = as_sgdr_runs(clock, whole or num, length, multiplier, 9)
    ours = [schedule(at(clock, update)) for update in range(len(rates))]
    assert ours == pytest.approx(rates, rel=0, abs=1e-11)


@pytest.mark.parametrize(("length", "multiplier"), [(1, 2), (4, 1)])
def test_the_form_of_adamws_code(length, multiplier):
    """train.lua: the phase is moved before each update; 32 updates, so that sums are exact."""
    clock = Clock(32 * 4, 4)
    fields = {"first_cycle": length, "multiplier": multiplier, "floor": 0.0}
    schedule = SGDR(clock=clock, **fields, form="adamw", examples=None)
    phase, current, restart = 0.0, length, length + 1
    for epoch in range(1, 14):
        for batch in range(32):
            phase = min(1.0, phase + 1 / (current * 32))
            if phase >= 1 and epoch == restart:
                phase, current = 0.0, current * multiplier
                restart += current
            t = epoch - 1 + batch / 32
            assert schedule(t) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * phase), abs=1e-12)


def test_a_cycle_in_updates_restarts_at_its_update():
    clock = Clock(36, 8)
    fields = AUTHORS | {"first_cycle": clock.epochs("7 steps"), "multiplier": 1, "form": "ideal"}
    schedule = SGDR(clock=clock, **fields)
    assert [schedule(at(clock, 7 * k)) for k in range(200)] == [1.0] * 200


@pytest.mark.parametrize(
    "change", [{"first_cycle": 0}, {"first_cycle": 0.001}, {"multiplier": 0.5}, {"form": "lua"}]
)
def test_what_it_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        SGDR(clock=Clock(36, 8), **AUTHORS | change)
