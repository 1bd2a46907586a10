"""The rate of each mode, composed and built as a run builds it, against its formula.

s updates of the n of a segment: (1 + cos(pi s / n)) / 2 (papers/morl: segment learning rate).
"""

from functools import cache
from math import cos, pi

import pytest
import torch
from searches import search
from test_configs import CONFIGS

from basin.experiment import build
from basin.experiment.check import clock_of
from basin.experiment.rung import Runs

PARAMS = {"lr": 0.5}
MORL = "per_rung_restart"


def annealed(done, length):
    return 0.5 * (1 + cos(pi * done / length))


FORMULA = {  # factor at t epochs of the whole run, of the rung that ends at 9
    "per_rung_restart": lambda t: (
        annealed(t, 1) if t < 1 else annealed(t - 1, 2) if t < 3 else annealed(t - 3, 6)
    ),
    "truncated_full": lambda t: annealed(t, 9),
    "rescaled_from_scratch": lambda t: annealed(t, 9),
    "compressed_periodic": lambda t: annealed(t % 1, 1),
}
GOLDEN = {  # at 0, 1/2, 1, 2, 3, 6 and 8 epochs, worked out by hand
    "per_rung_restart": [1, 0.5, 1, 0.5, 1, 0.5, 0.0669872981077807],
    "truncated_full": [1, 0.992403876506104, 0.969846310392954, 0.883022221559489, 0.75, 0.25]
    + [0.0301536896070458],
    "rescaled_from_scratch": [1, 0.992403876506104, 0.969846310392954, 0.883022221559489, 0.75]
    + [0.25, 0.0301536896070458],
    "compressed_periodic": [1, 0.5, 1, 1, 1, 1, 1],
}


@cache
def stages_of(rung, **changes):
    """[(first epoch, rate at t)] of each stage of a rung's run, its point, and its length."""
    one = search(**changes)
    point = Runs(CONFIGS).point(one.words(PARAMS, 0, rung))
    clock = clock_of(point.settings, num_train=640)
    made, start = [], 0.0
    for settings in point.stages.values():
        with torch.device("meta"):
            network = build.model(settings, num_classes=10, in_channels=1)
            optimizer, _, schedules = build.method(settings, network, clock)
        base = optimizer.param_groups[0]["lr"]
        whole = start if settings["stage"]["clock"] == "run" else 0.0
        factor = schedules["lr"]
        made.append((start, lambda t, b=base, w=whole, f=factor: b * f(t + w)))
        start += clock.epochs(settings["epochs"])
    return made, point, start


@pytest.mark.parametrize("mode", FORMULA)
def test_the_rate_of_each_mode(mode):
    stages, point, end = stages_of(2, mode=mode)
    assert end == 9

    def rate(t):
        start, own = max((s for s in stages if s[0] <= t), key=lambda s: s[0])
        return own(t - start) / 0.5

    moments = [k / 10 for k in range(90)]  # ten updates an epoch
    assert [rate(t) for t in moments] == pytest.approx(
        [FORMULA[mode](t) for t in moments], abs=1e-9
    )
    assert [rate(t) for t in (0, 0.5, 1, 2, 3, 6, 8)] == pytest.approx(GOLDEN[mode], abs=1e-12)
    assert [*point.stages] == (
        ["train"] if mode == "rescaled_from_scratch" else ["train", "rung_1", "rung_2"]
    )


@pytest.mark.parametrize("mode", [mode for mode in FORMULA if mode != "rescaled_from_scratch"])
def test_a_rung_begins_where_the_one_below_has_ended(mode):
    """By identity: then the run of the next rung goes on from its checkpoint."""
    below, above = (stages_of(rung, mode=mode)[1] for rung in (1, 2))
    assert above.identities[:2] == below.identities
    assert below.settings["runtime"]["keep_end"]


def test_rungs_from_scratch_have_one_stage_and_keep_nothing():
    assert search(mode="rescaled_from_scratch").words(PARAMS, 0, 1)[2:] == ["lr=0.5", "epochs=3.0"]


def test_the_switches_of_a_restart():
    stages, point, _ = stages_of(2, cycle_factor=0.5, momentum="fresh")
    assert [rate(0) for _, rate in stages] == [0.5, 0.25, 0.125]
    for found, expected in ((point, "fresh"), (stages_of(2, mode=MORL)[1], "keep")):
        states = [stage["stage"]["optimizer_state"] for stage in found.stages.values()]
        assert states == ["fresh", expected, expected]


def test_a_period_of_ones_own():
    stages, _, _ = stages_of(1, mode="compressed_periodic", period=2.0)
    assert stages[1][1](0) / 0.5 == pytest.approx(annealed(1, 2))  # the clock is the run's
