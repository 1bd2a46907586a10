"""The foreach updates against the same formulas, a tensor at a time, on a random problem."""

from math import sqrt

import pytest
import torch
from random_problem import Random

from basin.core.clock import Clock
from basin.optimizer.adam import Adam
from basin.optimizer.lamb import Lamb
from basin.optimizer.lars import Lars
from basin.optimizer.nadam import NAdam
from basin.optimizer.padam import Padam
from basin.optimizer.sgdw import SGDW

BETAS, EPS, DECAY = (0.8, 0.95), 1e-3, 0.03
LR_FACTORS = (0.5, 1.0, 0.7, 0.2, 0.2)
LR = 0.05
MOMENTUM = 0.8


def moving(problem):
    """(weight, gradient, its decay) of what has a gradient."""
    first, bias, second, _ = problem.parameters
    decays = ((first, DECAY), (second, DECAY), (bias, 0.0))
    return [(p.data, p.grad.clone(), decay) for p, decay in decays]


def compare(make, reference):
    """Ours against reference(moving, states, lr, eta, t) for some updates under a schedule."""
    ours, plain = Random(), Random()
    optimizer, states = make(ours.groups), [{} for _ in range(3)]
    for t, eta in enumerate(LR_FACTORS, 1):
        for group in optimizer.param_groups:
            group.update(lr=LR * eta, lr_factor=eta)
        optimizer.step(ours)
        plain()
        reference(moving(plain), states, LR * eta, eta, t)
        for a, b in zip(ours.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)


def moment(state, name, beta, value):
    """The running mean of a value, in state[name]."""
    state[name] = beta * state.get(name, torch.zeros_like(value)) + (1 - beta) * value
    return state[name]


def second_moment(state, g, amsgrad):
    v = moment(state, "v", BETAS[1], g * g)
    if amsgrad:
        state["largest"] = v = torch.maximum(state.get("largest", torch.zeros_like(v)), v)
    return v


@pytest.mark.parametrize("cycle", [None, 1])
@pytest.mark.parametrize("decay", ["coupled", "lr", "multiplier"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgdw(decay, nesterov, cycle):
    def plain(moving, states, lr, eta, t):
        scale = 1 if cycle is None else 1 / sqrt(3 if t <= 3 else 6)
        for (w, g, rate), state in zip(moving, states, strict=True):
            rate = scale * rate
            pull = {"coupled": 0.0, "lr": lr, "multiplier": eta}[decay] * rate * w
            g = g + rate * w if decay == "coupled" else g
            state["buffer"] = MOMENTUM * state.get("buffer", 0.0) + g
            w -= lr * (g + MOMENTUM * state["buffer"] if nesterov else state["buffer"]) + pull

    fields = {"lr": LR, "momentum": MOMENTUM, "nesterov": nesterov, "weight_decay": DECAY}
    fields |= {"form": "torch", "decay": decay, "reset_on_drop": False}
    factor = None if cycle is None else 2  # cycles of 3 and 6 updates
    cycles = {"cycle_epochs": cycle, "cycle_factor": factor, "clock": Clock(30, 10)}
    compare(lambda groups: SGDW(groups, **fields, **cycles), plain)


@pytest.mark.parametrize("eps_position", ["before", "after"])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_with_normalised_decay(eps_position, amsgrad):
    clock = Clock(30, 10)  # cycles of 3 and 6 updates

    def plain(moving, states, lr, eta, t):
        scale = 1 / sqrt(3 if t <= 3 else 6)
        for (w, g, rate), state in zip(moving, states, strict=True):
            m, v = moment(state, "m", BETAS[0], g), second_moment(state, g, amsgrad)
            root = sqrt(1 - BETAS[1] ** t)
            below = (v.sqrt() + EPS) / root if eps_position == "before" else v.sqrt() / root + EPS
            w -= lr / (1 - BETAS[0] ** t) * m / below + eta * scale * rate * w

    fields = {"lr": LR, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "amsgrad": amsgrad}
    fields |= {"eps_position": eps_position, "decay": "multiplier"}
    cycles = {"cycle_epochs": 1, "cycle_factor": 2, "clock": clock}
    compare(lambda groups: Adam(groups, **fields, **cycles), plain)


@pytest.mark.parametrize("decoupled", [False, True])
def test_nadam(decoupled):
    def plain(moving, states, lr, eta, t):
        mus = [BETAS[0] * (1 - 0.5 * 0.96 ** (0.004 * s)) for s in range(1, t + 2)]
        product = float(torch.tensor(mus[:-1], dtype=torch.float64).prod())
        for (w, g, rate), state in zip(moving, states, strict=True):
            pull = lr * rate * w if decoupled else 0.0
            g = g if decoupled else g + rate * w
            m, v = moment(state, "m", BETAS[0], g), second_moment(state, g, False)
            ahead = (1 - mus[-2]) * g / (1 - product) + mus[-1] * m / (1 - product * mus[-1])
            w -= lr * ahead / ((v / (1 - BETAS[1] ** t)).sqrt() + EPS) + pull

    fields = {"lr": LR, "betas": BETAS, "eps": EPS, "momentum_decay": 0.004}
    compare(lambda g: NAdam(g, **fields, weight_decay=DECAY, decoupled=decoupled), plain)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("partial", [0.125, 0.2])
def test_padam(decoupled, partial):
    def plain(moving, states, lr, eta, t):
        for (w, g, rate), state in zip(moving, states, strict=True):
            pull = lr * rate * w if decoupled else 0.0
            g = g if decoupled else g + rate * w
            m, v = moment(state, "m", BETAS[0], g), second_moment(state, g, not decoupled)
            speed = lr * sqrt(1 - BETAS[1] ** t) / (1 - BETAS[0] ** t)
            w -= speed * m / (v.sqrt() + EPS) ** (2 * partial) + pull

    fields = {"lr": LR, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "partial": partial}
    compare(lambda g: Padam(g, **fields, amsgrad=not decoupled, decoupled=decoupled), plain)


@pytest.mark.parametrize("adapt_spared", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_lars(adapt_spared, nesterov):
    def plain(moving, states, lr, eta, t):
        for (w, g, rate), state in zip(moving, states, strict=True):
            trust = 0.4 * w.norm() / (g.norm() + rate * w.norm() + EPS)
            update = (g + rate * w) * (trust if rate or adapt_spared else 1.0)
            state["buffer"] = MOMENTUM * state.get("buffer", 0.0) + update
            w -= lr * (update + MOMENTUM * state["buffer"] if nesterov else state["buffer"])

    fields = {"lr": LR, "momentum": MOMENTUM, "nesterov": nesterov, "weight_decay": DECAY}
    fields |= {"coefficient": 0.4, "eps": EPS, "clip": False, "adapt_spared": adapt_spared}
    compare(lambda groups: Lars(groups, **fields), plain)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("max_grad_norm", [None, 0.3])
def test_lamb(clip, max_grad_norm):
    def plain(moving, states, lr, eta, t):
        norm = torch.cat([g.flatten() for _, g, _ in moving]).norm()
        factor = 1.0 if max_grad_norm is None else min(1.0, float(max_grad_norm / norm))
        for (w, g, rate), state in zip(moving, states, strict=True):
            g = g * factor
            m = moment(state, "m", BETAS[0], g) / (1 - BETAS[0] ** t)
            v = second_moment(state, g, False) / (1 - BETAS[1] ** t)
            update = m / (v.sqrt() + EPS) + rate * w
            trust = float(w.norm() / update.norm()) if rate else 1.0
            w -= lr * (min(trust, 1.0) if clip else trust) * update

    fields = {"lr": LR, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "clip": clip}
    fields |= {"max_grad_norm": max_grad_norm, "adaptive": True, "adapt_spared": False}
    compare(lambda groups: Lamb(groups, **fields), plain)
