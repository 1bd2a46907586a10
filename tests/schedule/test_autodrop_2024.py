"""AutoDrop 2024: against its algorithm on lists, through the loop, and resumed in mid-window."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from toy import build, same, sgd, train, train_with_kill, weights

from basin.core.protocols import Stage, TrainState
from basin.schedule.autodrop_2024 import AutoDrop2024, smoothed

FIELDS = {"window": 3, "width": 4, "threshold": 0.1, "drop": 0.95, "floor": 0.8}
FIELDS |= {"keep_smoothed": False}


def test_smoothing_weighs_by_the_distance_from_the_latest():
    angles = [10.0, 20.0, 40.0]
    sigma = min(np.std(angles), 1.5)
    weight = [math.exp(-((a - 40) ** 2) / (2 * sigma**2)) for a in angles]
    assert smoothed(angles, 3) == pytest.approx(np.average(angles, weights=weight))
    assert smoothed([7.0] * 5, 10) == 7.0


def on_lists(path, *, window, width, threshold, drop, floor, keep_smoothed):
    """Algorithm 1 with all windows kept: the factor after each update of a path (updates, P)."""
    means, angles, before, factor, factors = [], [], None, 1.0, []
    for update in range(1, len(path) + 1):
        if update % window == 0:
            means.append(path[update - window : update].mean(0))
            if len(means) >= 3:
                a, b = means[-1] - means[-2], means[-2] - means[-3]
                angles.append(math.degrees(math.acos(a @ b / (a.norm() * b.norm() + 1e-8))))
                if len(angles) == width:
                    now = smoothed(angles, width)
                    angles = angles[1:]
                    falls = before is not None and now - before < threshold
                    before = now
                    if falls:
                        factor = max(floor, drop * factor)
                        angles, before = [], now if keep_smoothed else None
        factors.append(factor)
    return factors


MANY = {"window": 1, "floor": 1e-3}
"""Enough drops that the length of the buffer tells."""


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"keep_smoothed": True},
        {"window": 1, "threshold": -2.0},
        {**MANY, "threshold": -1.0},
        {**MANY, "width": 6, "threshold": 0.5},
    ],
)
def test_it_is_the_algorithm_on_lists(change):
    generator = torch.Generator().manual_seed(3)
    path = torch.randn(200, 12, generator=generator, dtype=torch.float64).cumsum(0)
    model = nn.Linear(11, 1).double()
    schedule = AutoDrop2024(model, **FIELDS | change)
    state = TrainState(model, None, {}, {}, Stage(1.0, 0.0, False))
    factors = []
    for weights_now in path:
        nn.utils.vector_to_parameters(weights_now, model.parameters())
        schedule.observe(state)
        factors.append(schedule(0.0))
    assert factors == on_lists(path, **FIELDS | change)
    assert (FIELDS | change)["floor"] <= factors[-1] < 1


def method(groups, model):
    return sgd(groups), {}, {"lr": AutoDrop2024(model, **FIELDS)}


@pytest.mark.parametrize("stop", [18, 31])
def test_it_resumes_bitwise(stop):
    def make():
        return build(method, epochs=6.0)

    undisturbed, continued = make(), train_with_kill(make, stop)
    train(undisturbed)
    assert same(weights(undisturbed), weights(continued))
    assert undisturbed.state.optimizer.param_groups[0]["lr"] < 0.1


@pytest.mark.parametrize(
    "change", [{"window": 0}, {"width": 1}, {"drop": 1.2}, {"floor": -1.0}, {"threshold": 500.0}]
)
def test_what_it_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        AutoDrop2024(nn.Linear(2, 1), **FIELDS | change)
