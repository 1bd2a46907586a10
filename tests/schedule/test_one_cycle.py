"""One cycle against torch's, rate and momentum, over random settings."""

import random

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from basin.core.clock import Clock
from basin.schedule.one_cycle import OneCycle

CLOCK = Clock(1000, 10)
FIELDS = {"epochs": 10, "rise": 0.3, "shape": "cosine", "three_phase": False, "ends": "update"}
RATE = {"start": 0.04, "peak": 1.0, "end": 4e-6}


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_it_is_torchs(shape, three_phase):
    draw = random.Random(shape)
    for _ in range(5):
        clock, epochs = Clock(draw.choice([36, 64, 250]), 8), draw.choice([3, 10])
        total, rise = epochs * clock.steps_per_epoch, draw.uniform(0.2, 0.45)
        high, start, end = draw.uniform(0.1, 1), draw.uniform(2, 50), 10 ** draw.uniform(0, 5)
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
        theirs = OneCycleLR(
            optimizer,
            max_lr=high,
            total_steps=total,
            pct_start=rise,
            anneal_strategy=shape[:6].replace("cosine", "cos"),
            div_factor=start,
            final_div_factor=end,
            three_phase=three_phase,
        )
        fields = FIELDS | {"epochs": epochs, "rise": rise, "shape": shape}
        fields |= {"clock": clock, "three_phase": three_phase}
        lr = OneCycle(**fields, start=1 / start, peak=1.0, end=1 / start / end)
        momentum = OneCycle(**fields, start=1.0, peak=0.85 / 0.95, end=1.0)
        for update in range(total):
            t, group = clock.epochs(f"{update} steps"), optimizer.param_groups[0]
            assert high * lr(t) == pytest.approx(group["lr"], rel=1e-9, abs=1e-15)
            assert 0.95 * momentum(t) == pytest.approx(group["momentum"], rel=1e-12)
            if update < total - 1:
                optimizer.step()
                theirs.step()


def test_in_time_the_peak_is_at_its_share_and_the_end_at_the_end():
    schedule = OneCycle(clock=CLOCK, **FIELDS | {"ends": "time"}, **RATE)
    assert schedule(3.0) == pytest.approx(1.0) and schedule(10.0) == pytest.approx(4e-6)
    assert schedule(9.99) > 5e-6


def test_three_phases_pass_the_start_again():
    schedule = OneCycle(clock=CLOCK, **FIELDS | {"ends": "time", "three_phase": True}, **RATE)
    assert [schedule(t) for t in (0.0, 3.0, 6.0, 10.0)] == pytest.approx([0.04, 1, 0.04, 4e-6])


@pytest.mark.parametrize("change", [{"rise": 0.0}, {"rise": 1.0}, {"epochs": 0.01}])
def test_a_phase_without_a_length_is_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        OneCycle(clock=CLOCK, **FIELDS | change, **RATE)


def test_three_phases_need_less_than_half_each():
    with pytest.raises(ValueError, match=r"rise=0.6"):
        OneCycle(clock=CLOCK, **FIELDS | {"rise": 0.6, "three_phase": True}, **RATE)
