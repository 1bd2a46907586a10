"""AutoDrop 2021: against the algorithm as coded, keeping every snapshot; in the loop; resumed."""

import math

import pytest
import torch
from torch import nn
from toy import build, same, sgd, train, train_with_kill, weights

from basin.averaging.autodrop_v1 import AutoDropV1
from basin.core.clock import Clock
from basin.core.protocols import Stage, TrainState
from basin.schedule import autodrop_v1

CLOCK = Clock(30, 10)
FIELDS = {"theta": 5.0, "theta_max": 40.0, "drop": 0.2, "floor": 0.01, "extra": 4, "average": True}


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def noise(step, size):
    return torch.randn(size, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


def small():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3)).double()


def as_coded(w, epochs, *, theta, theta_max, drop, floor, extra, average):
    """models.py, method 2, on noisy steps; every snapshot is kept. (factors, weights)"""
    positions, angles, pushed, armed, count, factor = [], [], [], False, 0, 1.0
    factors = []
    for step in range(3 * epochs):
        w = w - 0.05 * factor * (0.3 * w + 0.1 * noise(step, len(w)))
        if step % 3 == 0:
            positions = [*positions, w][-3:]
        if step % 3 == 1 and len(positions) == 3:
            a, b = positions[2] - positions[1], positions[1] - positions[0]
            cosine = (a @ b) / (a.norm() * b.norm() + 1e-8)
            angles.append(math.degrees(math.acos(cosine)))
            if len(angles) >= 2 and abs(angles[-1] - angles[-2]) < theta:
                armed = True
            if armed:
                count += 1
                pushed.append(count * w)
                if count == extra:
                    theta = min(theta_max, theta / drop)
                    factor = max(floor, factor * drop)
                    if average:
                        w = torch.stack(pushed).sum(0) / (extra * (extra + 1) / 2)
                    armed, count, pushed = False, 0, []
        factors.append(factor)
    return factors, w


@pytest.mark.parametrize(
    "change",
    [{}, {"extra": 1, "theta": 20.0}, {"extra": 20, "drop": 0.5}, {"average": False, "extra": 2}],
)
def test_it_is_the_algorithm_as_coded(change):
    fields, epochs = FIELDS | change, 80
    model = small()
    expected, final = as_coded(flat(model), epochs, **fields)
    detector = AutoDropV1(model, CLOCK, **fields)
    state = TrainState(model, None, {}, {}, Stage(epochs, 0.0, False))
    factors = []
    for step in range(3 * epochs):
        w = flat(model)
        w = w - 0.05 * detector.factor * (0.3 * w + 0.1 * noise(step, len(w)))
        nn.utils.vector_to_parameters(w, model.parameters())
        state.t = CLOCK.t(10 * (step % (3 * 37) + 1))  # stages of 37 epochs that keep it
        detector.observe(state)
        solution = detector.restart(state, None)
        if solution is not None:
            assert solution.buffers is None and not solution.reset_momentum
            w = torch.cat([v.flatten() for v in solution.weights])
            nn.utils.vector_to_parameters(w, model.parameters())
        factors.append(detector.factor)
    assert factors == expected and factors[-1] < 1
    assert torch.allclose(flat(model), final, rtol=1e-12, atol=1e-14)


def test_the_first_drop_comes_19_epochs_after_arming():
    """Angles begin in epoch 3, comparisons in epoch 4."""
    factors, _ = as_coded(flat(small()), 30, **FIELDS | {"theta": 180.0, "extra": 20})
    assert factors.index(0.2) == 3 * (4 + 19 - 1) + 1


def autodrop(groups, model, **changes):
    fields = {"theta": 30.0, "theta_max": 60.0, "drop": 0.2, "floor": 1e-3, "extra": 2}
    detector = AutoDropV1(model, Clock(120, 16), **fields | {"average": True} | changes)
    averagers = {"autodrop_v1": detector}
    schedule = autodrop_v1.AutoDropV1(averagers, averager="autodrop_v1")
    return sgd(groups), averagers, {"lr": schedule}


def test_in_the_loop_it_drops_and_keeps_momentum():
    parts = build(autodrop, epochs=8.0)
    train(parts)
    factor = parts.state.averagers["autodrop_v1"].factor
    assert factor < 1 and parts.state.optimizer.param_groups[0]["lr"] == 0.1 * factor
    assert any(v["momentum_buffer"].any() for v in parts.state.optimizer.state.values())


@pytest.mark.parametrize("stop", [17, 33, 34, 35])  # armed, at the drop, after it
def test_it_resumes_bitwise(stop):
    def make():
        return build(autodrop, epochs=6.0)

    undisturbed, continued = make(), train_with_kill(make, stop)
    train(undisturbed)
    assert same(weights(undisturbed), weights(continued))
    assert undisturbed.state.averagers["autodrop_v1"].factor < 1


def test_a_schedule_without_its_detector_is_refused():
    with pytest.raises(ValueError, match=r"averaging=autodrop_v1 \(averagers: none\)"):
        autodrop_v1.AutoDropV1({}, averager="autodrop_v1")
    other = {"swa": object()}
    with pytest.raises(ValueError, match=r"averager=swa .*\(averagers: swa\)"):
        autodrop_v1.AutoDropV1(other, averager="swa")


@pytest.mark.parametrize(
    "change", [{"extra": 0}, {"drop": 0.0}, {"drop": 1.5}, {"theta": -1.0}, {"floor": 2.0}]
)
def test_what_it_refuses(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name}="):
        AutoDropV1(small(), CLOCK, **FIELDS | change)


def test_an_epoch_of_one_update_is_refused():
    with pytest.raises(ValueError, match="looks at the second"):
        AutoDropV1(small(), Clock(10, 10), **FIELDS)
