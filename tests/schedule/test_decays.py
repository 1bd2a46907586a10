"""Decays that are one line: vectors of their papers, and torch's schedulers."""

import math

import pytest
import torch
from first_stage import composed
from torch.optim import lr_scheduler
from toy import Net

from basin.core.clock import Clock
from basin.experiment import build
from basin.experiment.staging import stage_settings
from basin.schedule.cosine_power import CosinePower
from basin.schedule.elastic_step import ElasticStep
from basin.schedule.exponential import Exponential
from basin.schedule.inverse_time import InverseTime
from basin.schedule.linear import Linear
from basin.schedule.polynomial import Polynomial

POWER = {"epochs": 1000, "floor": 0.0, "power": 1.0, "power_of": "cosine", "base_value": 1.0}
POWER |= {"per": "step"}
INVERSE = {"epochs": 10, "rate": None, "floor": 0.1, "every": 1 / 391, "per": "step"}
ELASTIC = {"epochs": 1000, "ratio": 0.5, "gamma": 0.5, "per": "step"}


@pytest.mark.parametrize("power_of", ["cosine", "rate"])  # equal for initial 1 and floor 0
@pytest.mark.parametrize(
    ("power", "factors"),
    [
        (0.5, (0.92387953, 0.70710678, 0.15643447)),
        (1, (0.85355339, 0.5, 0.02447174)),
        (2, (0.72855339, 0.25, 0.00059887)),
    ],
)
def test_cosine_power_is_the_papers(power_of, power, factors):
    schedule = CosinePower(**POWER | {"power": power, "power_of": power_of})
    assert [schedule(t) for t in (250, 500, 900)] == pytest.approx(factors, abs=5.1e-9)
    assert schedule(0) == 1 and schedule(1000) == schedule(2000) == pytest.approx(0, abs=1e-12)


def test_the_code_raises_the_absolute_rate():
    change = {"power": 0.5, "power_of": "rate", "base_value": 0.6, "floor": 0.01 / 0.6}
    schedule = CosinePower(**POWER | change)
    for t in (0, 100, 999):
        cosine = 0.5 * (1 + math.cos(math.pi * t / 1000))
        rate = (0.01 + (0.6 - 0.01) * cosine) ** 0.5
        assert 0.6 * schedule(t) == pytest.approx(rate, rel=1e-12)


def test_the_absolute_rate_is_the_optimizers_own_wherever_the_schedule_is():
    words = ["lr=0.6", "schedule=warmup", "schedule@schedule.lr.after=cosine_power"]
    words += ["schedule.lr.after.power=2", "schedule.lr.after.power_of=rate"]
    (stage,) = stage_settings(composed(words)).values()
    _, _, schedules = build.method(stage, Net(), Clock(100, 10))
    assert 0.6 * schedules["lr"](15) == pytest.approx((0.6 / 2) ** 2, rel=1e-12)  # of 30


def test_inverse_time_by_its_rate_and_by_its_end():
    by_end = InverseTime(**INVERSE)
    last = 3909  # updates before the last one
    rate = (1 / 0.1 - 1) / last
    by_rate = InverseTime(**INVERSE | {"rate": rate, "floor": None})
    clock = Clock(50_000, 128)
    for update in (0, 1, 1000, last):
        t = clock.epochs(f"{update} steps")
        assert by_end(t) == pytest.approx(1 / (1 + rate * update), rel=1e-12)
        assert by_rate(t) == pytest.approx(by_end(t), rel=1e-12)


@pytest.mark.parametrize("change", [{"rate": 1.0}, {"floor": None}, {"floor": 0.0}, {"every": 20}])
def test_what_inverse_time_refuses(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        InverseTime(**INVERSE | change)


@pytest.mark.parametrize(
    ("ratio", "factors"),
    [
        (0.5, {0: 1, 499: 1, 500: 0.5, 749: 0.5, 750: 0.25, 900: 0.125, 1000: 0}),
        (0.5**0.5, {0: 1, 292: 1, 293: 0.5, 499: 0.5, 500: 0.25, 750: 1 / 16}),  # edges, rounded
    ],
)
def test_elastic_step_on_its_edges(ratio, factors):
    schedule = ElasticStep(**ELASTIC | {"ratio": ratio})
    assert {t: schedule(t) for t in factors} == factors


@pytest.mark.parametrize("change", [{"ratio": 1.0}, {"gamma": 0.0}, {"epochs": 0}])
def test_what_elastic_step_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        ElasticStep(**ELASTIC | change)


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (
            Exponential(gamma=0.9, every=1, per="epoch"),
            lambda o: lr_scheduler.ExponentialLR(o, 0.9),
        ),
        (
            Polynomial(epochs=10, floor=0.0, power=1.7, per="epoch"),
            lambda o: lr_scheduler.PolynomialLR(o, 10, 1.7),
        ),
        (
            Linear(epochs=10, floor=0.3, per="epoch"),
            lambda o: lr_scheduler.LinearLR(o, 1.0, 0.3, 10),
        ),
    ],
)
def test_once_an_epoch_they_are_torchs(schedule, theirs):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = theirs(optimizer)
    for epoch in range(14):
        value = optimizer.param_groups[0]["lr"]
        assert 0.1 * schedule(epoch) == pytest.approx(value, rel=1e-12, abs=1e-16)
        assert schedule(epoch + 0.99) == schedule(epoch)
        optimizer.step()
        scheduler.step()


def test_clrs_exp_is_a_factor_of_each_update():
    clock = Clock(50_000, 100)
    schedule = Exponential(gamma=0.99994, every=clock.epochs("1 step"), per="step")
    assert schedule(clock.epochs("70000 steps")) == pytest.approx(0.99994**70_000, rel=1e-10)


def test_clrs_decay_is_a_line_and_then_constant():
    clock = Clock(50_000, 100)
    length = clock.epochs("4000 steps")
    schedule = Linear(epochs=length, floor=0.001 / 0.007, per="step")
    rates = [0.007 * schedule(clock.epochs(f"{k} steps")) for k in (0, 2000, 4000, 25_000)]
    assert rates == pytest.approx([0.007, 0.004, 0.001, 0.001], rel=1e-12)
