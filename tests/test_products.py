"""Optimizer x schedule x averager: a run cut in two ends bitwise like an undisturbed one."""

import functools

import pytest
import torch
from test_configs import overrides_of, settings_of
from test_optimizer_contract import OPTIONS, fact
from toy import BATCH, NUM, same, train, train_with_kill, weights
from toy import build as toy

from basin.core.clock import Clock
from basin.experiment import build

AVERAGES = {"fge": "swa,ema,fge,snapshots", "warmup": "tail,pswa"}
"""By schedule; PSWA writes back, so that the others would see its iterates."""


@functools.cache
def composed(option, schedule, epochs):
    names = AVERAGES[schedule].split(",")
    fields = {
        "swa": {"start": epochs / 4, "period": 0.5},
        "ema": {"decay": 0.9},
        "fge": {"keep": "cpu"},
        "snapshots": {"at": f"[{epochs / 2},{epochs}]", "keep": "device"},
        "tail": {"start": epochs / 2},
        "pswa": {"start": epochs / 8, "period": epochs / 8, "restart_every": epochs / 4},
    }
    overrides = [*overrides_of("optimizer", option), *fact(option, "overrides", [])]
    overrides += [f"averaging=[{','.join(names)}]", f"schedule={schedule}", f"epochs={epochs}"]
    overrides += [f"averaging.{n}.{k}={v}" for n in names for k, v in fields[n].items()]
    overrides.append("batch_size=16")
    if schedule == "warmup":
        overrides.append(f"schedule.lr.epochs={epochs / 4}")
    else:
        overrides.append(f"schedule.lr.half_cycle={epochs / 4}")
    _, stages = settings_of(*overrides)
    (stage,) = stages.values()
    return stage


def make(option, schedule, epochs):
    stage = composed(option, schedule, epochs)
    return toy(lambda groups, model: build.method(stage, model, Clock(NUM, BATCH)), epochs=epochs)


def tensors(state):
    """Those of a nest of dictionaries and lists."""
    if isinstance(state, torch.Tensor):
        return [state]
    nested = state.values() if isinstance(state, dict) else state
    return [t for n in nested if isinstance(n, (dict, list, torch.Tensor)) for t in tensors(n)]


@pytest.mark.parametrize("schedule", AVERAGES)
@pytest.mark.parametrize("option", OPTIONS)
def test_six_and_the_rest_are_the_whole(option, schedule):
    epochs = 2.0 * fact(option, "bn_passes", 1)  # 16 updates
    undisturbed = make(option, schedule, epochs)
    train(undisturbed)
    continued = train_with_kill(lambda: make(option, schedule, epochs), 6)
    assert same(weights(undisturbed), weights(continued))
    for name, averager in undisturbed.state.averagers.items():
        other = continued.state.averagers[name]
        assert averager.describe() == other.describe()
        described = averager.describe()
        assert described.get("iterates", described.get("members")) > 1 or name == "pswa"
        assert same(tensors(averager.state_dict()), tensors(other.state_dict()))
    if "pswa" in undisturbed.state.averagers:
        assert undisturbed.state.averagers["pswa"].describe()["restarts"] > 1
