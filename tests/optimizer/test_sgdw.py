from math import sqrt
from pathlib import Path

import pytest
import torch
import yaml
from toy_problems import Drifting, close

from basin.core.clock import Clock
from basin.optimizer.sgd import SGD
from basin.optimizer.sgdw import SGDW


def sgdw(problem, **changes):
    fields = {"lr": 0.1, "momentum": 0.9, "nesterov": False, "form": "torch"}
    fields |= {"weight_decay": 0.02, "decay": "multiplier", "reset_on_drop": False}
    fields |= {"cycle_epochs": None, "cycle_factor": None, "clock": Clock(4, 1)}
    return SGDW(problem.groups, **{**fields, **changes})


LRS = [0.1, 0.1, 0.05, 0.02, 0.02]


def scheduled(problem, optimizer):
    """Trajectory under the rates LRS, which are factors of 0.1."""
    found = []
    for lr in LRS:
        optimizer.param_groups[0].update(lr=lr, lr_factor=lr / 0.1)
        optimizer.step(problem)
        found.append(problem.weights())
    return found


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("form", ["torch", "velocity"])
@pytest.mark.parametrize("decay", ["coupled", "lr", "multiplier"])
def test_it_is_the_written_formula(form, decay, nesterov):
    problem = Drifting()
    found = scheduled(problem, sgdw(problem, form=form, decay=decay, nesterov=nesterov))
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    buffer = torch.zeros(3, dtype=torch.float64)
    for t, lr in enumerate(LRS, 1):
        old = w
        g = Drifting.SCALE * w + torch.tensor([0.1 * t, -0.2, 0.05 * t], dtype=torch.float64)
        if decay == "coupled":
            g = g + 0.02 * old
        if form == "torch":
            buffer = 0.9 * buffer + g
            w = w - lr * ((g + 0.9 * buffer) if nesterov else buffer)
        else:
            buffer = 0.9 * buffer - lr * g
            w = w + ((0.9 * buffer - lr * g) if nesterov else buffer)
        if decay == "lr":
            w = w - lr * 0.02 * old
        elif decay == "multiplier":
            w = w - lr / 0.1 * 0.02 * old
        assert close(found[t - 1], w.tolist())


@pytest.mark.parametrize("nesterov", [False, True])
def test_coupled_in_torchs_form_it_is_sgd(nesterov):
    left, right = Drifting(), Drifting()
    ours = sgdw(left, decay="coupled", nesterov=nesterov)
    fields = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": nesterov}
    theirs = SGD(right.groups, **fields, weight_decay=0.02, reset_on_drop=False)
    for a, b in zip(scheduled(left, ours), scheduled(right, theirs), strict=True):
        assert close(a, b)


def test_decay_times_the_multiplier_is_decay_over_the_first_rate_times_lr():
    left, right = Drifting(), Drifting()
    multiplied = scheduled(left, sgdw(left, weight_decay=0.02))
    by_rate = scheduled(right, sgdw(right, weight_decay=0.02 / 0.1, decay="lr"))
    assert all(close(a, b) for a, b in zip(multiplied, by_rate, strict=True))


def test_the_option_has_the_papers_decay():
    """02-adamw: 0.025 normalised by the 391 updates of 1500 epochs; over the rate, 6.53e-4."""
    root = Path(__file__).resolve().parents[2]
    option = yaml.safe_load((root / "configs/optimizer/sgdw.yaml").read_text())
    assert option["decay"] == "multiplier"
    assert option["weight_decay"] == pytest.approx(0.025 / sqrt(391 * 1500), rel=5e-5)
    assert option["weight_decay"] / option["lr"] == pytest.approx(6.53e-4, rel=5e-4)


def test_forms_agree_while_the_rate_is_constant_and_not_after():
    left, right = Drifting(), Drifting()
    torch_form = scheduled(left, sgdw(left))
    velocity = scheduled(right, sgdw(right, form="velocity"))
    assert all(close(a, b) for a, b in zip(torch_form[:2], velocity[:2], strict=True))
    assert not close(torch_form[2], velocity[2])


def test_momentum_is_reset_where_the_rate_drops():
    problem = Drifting()
    optimizer = sgdw(problem, reset_on_drop=True, weight_decay=0.0)
    before = scheduled(problem, optimizer)
    w = torch.tensor(before[1], dtype=torch.float64)
    g = Drifting.SCALE * w + torch.tensor([0.3, -0.2, 0.15], dtype=torch.float64)
    assert close(before[2], (w - 0.05 * g).tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"form": "caffe"}, "form='caffe' is not one of torch, velocity"),
        ({"decay": "l2"}, "decay='l2' is not one of coupled, lr, multiplier"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        sgdw(Drifting(), **changes)
