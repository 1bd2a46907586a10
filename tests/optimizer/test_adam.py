from math import sqrt

import pytest
import torch
from toy_problems import Drifting, close, trajectory

from basin.core.clock import Clock
from basin.optimizer.adam import Adam

CIFAR = Clock(50_000, 128)


def adam(problem, clock=CIFAR, **changes):
    fields = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-2, "eps_position": "after"}
    fields |= {"weight_decay": 0.02, "decay": "lr", "amsgrad": False}
    fields |= {"cycle_epochs": None, "cycle_factor": 1, "clock": clock}
    return Adam(problem.groups, **{**fields, **changes})


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decay", ["coupled", "lr"])
def test_it_is_torchs(decay, amsgrad):
    left, right = Drifting(), Drifting()
    theirs = torch.optim.Adam if decay == "coupled" else torch.optim.AdamW
    fields = {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.02, "amsgrad": amsgrad}
    ours = adam(left, decay=decay, amsgrad=amsgrad)
    for a, b in zip(
        trajectory(left, ours, 8), trajectory(right, theirs(right.groups, **fields), 8), strict=True
    ):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-12, atol=1e-13)


def test_eps_before_the_correction_and_decay_times_the_multiplier():
    """02-adamw: w -= eta (alpha sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps) + lam w)."""
    problem = Drifting()
    optimizer = adam(problem, eps_position="before", decay="multiplier")
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    m, v = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for t, eta in enumerate((1.0, 0.8, 0.3), 1):
        optimizer.param_groups[0].update(lr=0.1 * eta, lr_factor=eta)
        optimizer.step(problem)
        g = Drifting.SCALE * w + torch.tensor([0.1 * t, -0.2, 0.05 * t], dtype=torch.float64)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        alpha = 0.1 * sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w = w - eta * (alpha * m / (v.sqrt() + 1e-2) + 0.02 * w)
        assert close(problem.weights(), w.tolist())


def test_the_papers_decay_is_torchs_over_the_first_rate():
    """02-adamw: with a schedule's factor, weight_decay of torch.optim.AdamW is lam / alpha."""
    left, right = Drifting(), Drifting()
    ours = adam(left, decay="multiplier", weight_decay=0.02)
    theirs = torch.optim.AdamW(right.groups, lr=0.1, eps=1e-2, weight_decay=0.02 / 0.1)
    for eta in (1.0, 0.6, 0.2, 0.0):
        ours.param_groups[0].update(lr=0.1 * eta, lr_factor=eta)
        theirs.param_groups[0]["lr"] = 0.1 * eta
        ours.step(left)
        theirs.step(right)
        assert close(left.weights(), right.weights())


def test_the_decay_of_an_update_is_its_cycles():
    problem, twin = Drifting(), Drifting()
    fields = {"lr": 0.0, "decay": "multiplier"}
    optimizer = adam(problem, clock=Clock(4, 1), cycle_epochs=0.5, cycle_factor=2, **fields)
    found = trajectory(problem, optimizer, 3)
    factors = [1 - 0.02 / sqrt(n) for n in (2, 2, 4)]
    w = torch.tensor(twin.weights(), dtype=torch.float64)
    for step, factor in enumerate(factors):
        w = w * factor
        assert close(found[step], w.tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eps_position": "inside"}, "eps_position='inside' is not one of after, before"),
        ({"decay": "l2"}, "decay='l2' is not one of"),
        ({"cycle_factor": 0.5}, "cycle_factor=0.5 is less than 1"),
        ({"cycle_epochs": 0.0}, "cycle_epochs=0.0 is less than one update"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        adam(Drifting(), **changes)
