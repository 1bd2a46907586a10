"""CLR's vectors, torch's CyclicLR over random settings, FGE's cycles."""

import random

import pytest
import torch
from torch.optim.lr_scheduler import CyclicLR

from basin.core.clock import Clock
from basin.schedule.exp_range import ExpRange
from basin.schedule.triangular import Triangular
from basin.schedule.triangular2 import Triangular2

CLOCK = Clock(50_000, 100)  # 500 updates an epoch, as the paper's
HALF = CLOCK.epochs("2000 steps")
BOUNDS = {"start": 0.001 / 0.006, "turn": 1.0, "half_cycle": HALF, "per": "step"}
UPDATE = CLOCK.epochs("1 step")


def exp_range(**changes):
    decays = {"gamma": 0.99994, "every": UPDATE, "decay": "amplitude"}
    return ExpRange(**BOUNDS | decays | changes)


def rate(schedule, update):
    return 0.006 * schedule(CLOCK.epochs(f"{update} steps"))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (
            Triangular(**BOUNDS),
            {0: 0.001, 1: 0.0010025, 1000: 0.0035, 2000: 0.006, 3000: 0.0035, 4000: 0.001}
            | {6000: 0.006},
        ),
        (Triangular2(**BOUNDS), {2000: 0.006, 5000: 0.00225, 6000: 0.0035, 10000: 0.00225}),
        (
            exp_range(),
            {1000: 0.003354407, 2000: 0.005434586, 3000: 0.003088164, 6000: 0.004488344}
            | {10000: 0.003744009},
        ),
    ],
)
def test_the_papers_vectors(schedule, rates):
    for update, value in rates.items():
        assert rate(schedule, update) == pytest.approx(value, rel=1e-12, abs=5e-10)


def test_both_bounds_decay():
    schedule = exp_range(decay="bounds")
    for update, high in ((2000, 0.006), (4000, 0.001), (6000, 0.006)):
        assert rate(schedule, update) == pytest.approx(high * 0.99994**update, rel=1e-12)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_rate_and_momentum_are_torchs(mode):
    draw = random.Random(mode)
    for _ in range(5):
        half, gamma = draw.randint(2, 60), draw.uniform(0.9, 1)
        low, high = draw.uniform(0.001, 0.1), draw.uniform(0.1, 1)
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=low, momentum=0.9)
        theirs = CyclicLR(optimizer, low, high, half, mode=mode, gamma=gamma)
        clock = Clock(draw.choice([36, 64, 1000]), 8)

        def made(start, turn, clock=clock, half=half, gamma=gamma):
            length = clock.epochs(f"{half} steps")
            bounds = {"start": start, "turn": turn, "half_cycle": length, "per": "step"}
            if mode == "exp_range":
                every = clock.epochs("1 step")
                return ExpRange(**bounds, gamma=gamma, every=every, decay="amplitude")
            return {"triangular": Triangular, "triangular2": Triangular2}[mode](**bounds)

        lr, momentum = made(low / high, 1.0), made(1.0, 0.8 / 0.9)
        for update in range(300):
            t, group = clock.epochs(f"{update} steps"), optimizer.param_groups[0]
            assert high * lr(t) == pytest.approx(group["lr"], rel=1e-12, abs=1e-14)
            assert 0.9 * momentum(t) == pytest.approx(group["momentum"], rel=1e-12)
            optimizer.step()
            theirs.step()


def test_driven_by_the_epoch_counter():
    schedule = Triangular(**BOUNDS | {"per": "epoch", "half_cycle": 2})
    assert [schedule(t) for t in (0.0, 0.9, 1.0, 1.5, 2.0, 4.0)] == pytest.approx(
        [1 / 6, 1 / 6, 3.5 / 6, 3.5 / 6, 1, 1 / 6]
    )


@pytest.mark.parametrize("cycle", [2, 4])
def test_fges_rate_is_lowest_where_members_are_collected(cycle):
    a1, a2 = 0.05, 0.01
    schedule = Triangular(start=1.0, turn=a2 / a1, half_cycle=cycle / 2, per="step")
    for epoch in range(12):
        for k in range(391):
            s = (epoch % cycle + k / 391) / cycle
            falling, rising = a1 * (1 - 2 * s) + a2 * 2 * s, a1 * (2 * s - 1) + a2 * (2 - 2 * s)
            value = falling if s < 0.5 else rising
            assert a1 * schedule(epoch + k / 391) == pytest.approx(value, rel=1e-12)
        if epoch % cycle + 1 == cycle / 2:
            assert a1 * schedule(epoch + 1) == pytest.approx(a2, rel=1e-12)


@pytest.mark.parametrize("change", [{"start": -0.1}, {"half_cycle": 0}, {"per": "batch"}])
def test_what_it_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        Triangular(**BOUNDS | change)


@pytest.mark.parametrize("change", [{"gamma": 0.0}, {"every": 0}, {"decay": "both"}])
def test_what_exp_range_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        exp_range(**change)
