"""Parameters that have a gradient in some steps only: each counts its own updates.

Two groups, a schedule, with and without decay; against torch, and against the formulas a tensor at
a time.
"""

from math import sqrt

import pytest
import torch
from random_problem import Random

from basin.core.clock import Clock
from basin.optimizer.adam import Adam
from basin.optimizer.adapnm import AdaPNM
from basin.optimizer.lookahead import Lookahead
from basin.optimizer.nadam import NAdam
from basin.optimizer.padam import Padam
from basin.optimizer.pnm import PNM
from basin.optimizer.replicated_sgd import ReplicatedSGD
from basin.optimizer.sam import SAM, steepest
from basin.optimizer.sgd import SGD

LR, BETAS, EPS, DECAY = 0.05, (0.8, 0.95), 1e-3, 0.03
FACTORS = (1.0, 0.5, 0.5, 0.0, 1.0, 0.2, 0.7)


class Flickering(Random):
    """The bias has no gradient at steps 1, 4, 7, ...; nor has the first weight at step 4."""

    def __init__(self):
        super().__init__()
        self.model, self.size, self.t = torch.nn.ParameterList(self.parameters), 9, 0

    def __call__(self, **switches):
        loss = super().__call__(**switches)
        self.t += 1
        if self.t % 3 == 1:
            self.parameters[1].grad = None
        if self.t == 4:
            self.parameters[0].grad = None
        return loss


def compare(ours, step):
    """Weights of ours(groups) and of step(problem, factor) under a schedule."""
    left, right = Flickering(), Flickering()
    optimizer = ours(left.groups)
    step = step(right)
    for factor in FACTORS:
        for group in optimizer.param_groups:
            group.update(lr=LR * factor, lr_factor=factor)
        optimizer.step(left)
        right()
        step(LR * factor)
        for a, b in zip(left.parameters, right.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)


def torchs(kind, **fields):
    def make(problem):
        optimizer = kind(problem.groups, lr=LR, weight_decay=DECAY, **fields)

        def step(lr):
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()

        return step

    return make


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decay", ["coupled", "lr"])
def test_adam(decay, amsgrad):
    fields = {"betas": BETAS, "eps": EPS, "amsgrad": amsgrad}
    switches = {"eps_position": "after", "decay": decay, "cycle_epochs": None, "cycle_factor": 1}
    theirs = torch.optim.Adam if decay == "coupled" else torch.optim.AdamW
    compare(
        lambda g: Adam(g, lr=LR, weight_decay=DECAY, **fields, **switches, clock=Clock(9, 9)),
        torchs(theirs, **fields),
    )


@pytest.mark.parametrize("decoupled", [False, True])
def test_nadam(decoupled):
    fields = {"betas": BETAS, "eps": EPS, "momentum_decay": 0.3}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of torch's product of the momenta
    try:
        compare(
            lambda g: NAdam(g, lr=LR, weight_decay=DECAY, decoupled=decoupled, **fields),
            torchs(torch.optim.NAdam, decoupled_weight_decay=decoupled, **fields),
        )
    finally:
        torch.set_default_dtype(default)


def alone(update):
    """Each parameter's own count t and state: update(w, g, decay, state, t, lr) changes w."""

    def make(problem):
        states, counts = [{} for _ in problem.parameters], [0] * 4

        def step(lr):
            for i, p in enumerate(problem.parameters):
                if p.grad is not None:
                    counts[i] += 1
                    decay = 0.0 if i == 1 else DECAY
                    update(p.data, p.grad.clone(), decay, states[i], counts[i], lr)

        return step

    return make


def ema(state, name, beta, value):
    state[name] = beta * state.get(name, torch.zeros_like(value)) + (1 - beta) * value
    return state[name]


def decayed(w, g, decay, lr, decoupled):
    if decoupled:
        w *= 1 - lr * decay
        return g
    return g + decay * w


def positive_minus_negative(state, t, g, beta0):
    positive = ema(state, t % 2, BETAS[0] ** 2, g)
    negative = state.get(1 - t % 2, torch.zeros_like(g))
    return ((1 + beta0) * positive - beta0 * negative) / sqrt((1 + beta0) ** 2 + beta0**2)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("beta0", [1.0, -0.4])
def test_pnm(beta0, decoupled):
    def update(w, g, decay, state, t, lr):
        g = decayed(w, g, decay, lr, decoupled)
        w -= lr * positive_minus_negative(state, t, g, beta0)

    fields = {"betas": (BETAS[0], beta0), "decoupled": decoupled}
    compare(lambda g: PNM(g, lr=LR, weight_decay=DECAY, **fields), alone(update))


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
def test_adapnm(decoupled, amsgrad):
    def update(w, g, decay, state, t, lr):
        g = decayed(w, g, decay, lr, decoupled)
        v = ema(state, "v", BETAS[1], g * g)
        if amsgrad:
            state["top"] = v = torch.maximum(v, state.get("top", v))
        root = v.sqrt() / sqrt(1 - BETAS[1] ** t) + EPS
        w -= lr / (1 - BETAS[0] ** t) * positive_minus_negative(state, t, g, 0.7) / root

    fields = {"betas": (*BETAS, 0.7), "eps": EPS, "decoupled": decoupled, "amsgrad": amsgrad}
    compare(lambda g: AdaPNM(g, lr=LR, weight_decay=DECAY, **fields), alone(update))


@pytest.mark.parametrize("partial", [0.125, 0.3])
@pytest.mark.parametrize("decoupled", [False, True])
def test_padam(decoupled, partial):
    def update(w, g, decay, state, t, lr):
        g = decayed(w, g, decay, lr, decoupled)
        m, v = ema(state, "m", BETAS[0], g), ema(state, "v", BETAS[1], g * g)
        state["top"] = torch.maximum(v, state.get("top", v))
        rate = lr * sqrt(1 - BETAS[1] ** t) / (1 - BETAS[0] ** t)
        w -= rate * m / (state["top"].sqrt() + EPS) ** (2 * partial)

    fields = {"betas": BETAS, "eps": EPS, "partial": partial, "amsgrad": True}
    compare(
        lambda g: Padam(g, lr=LR, weight_decay=DECAY, decoupled=decoupled, **fields), alone(update)
    )


def sgd(groups, nesterov, dampening=0.0):
    fields = {"momentum": 0.8, "dampening": dampening, "nesterov": nesterov}
    return SGD(groups, lr=LR, weight_decay=DECAY, **fields, reset_on_drop=False)


@pytest.mark.parametrize(("nesterov", "dampening"), [(False, 0.0), (True, 0.0), (False, 0.3)])
def test_sgd(nesterov, dampening):
    fields = {"momentum": 0.8, "nesterov": nesterov, "dampening": dampening, "foreach": False}
    compare(lambda g: sgd(g, nesterov, dampening), torchs(torch.optim.SGD, **fields))


def test_sam_with_a_radius_of_each_group():
    """|g| is over both groups; the groups' weights climb 0.3 and 0.7 along g / |g|."""
    ours, plain = Flickering(), Flickering()
    fields = {"rho": 0.3, "m": None, "ascent_steps": 1, "decay": "base", "sync_ascent": False}
    optimizer = SAM(base=sgd(ours.groups, True), direction=steepest, **fields)
    optimizer.param_groups[1]["rho"] = 0.7
    base = torchs(torch.optim.SGD, momentum=0.8, nesterov=True, foreach=False)(plain)
    for _ in range(5):
        optimizer.step(ours)
        plain()
        moving = [(i, p) for i, p in enumerate(plain.parameters) if p.grad is not None]
        ascents = [p.grad for _, p in moving]
        length = torch.cat([g.flatten() for g in ascents]).norm()
        start = [p.detach().clone() for p in plain.parameters]
        for (i, p), g in zip(moving, ascents, strict=True):
            p.data += (0.7 if i == 1 else 0.3) * g / length
        plain()
        for p, at in zip(plain.parameters, start, strict=True):
            p.data.copy_(at)
        base(LR)
        for a, b in zip(ours.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)


def test_pullback_of_momenta_that_come_late():
    """torch's Adam has no momentum of a parameter before its first gradient."""
    problem = Flickering()
    base = torch.optim.Adam(problem.groups, lr=LR)
    optimizer = Lookahead(base=base, model=torch.nn.Module(), alpha=0.5, k=1, momentum="pullback")
    optimizer.step(problem)
    first = len(optimizer.own_state()["cached"])
    optimizer.step(problem)
    assert (first, len(optimizer.own_state()["cached"])) == (2, 3)


def test_scheduled_momentum_and_decay_reach_the_replicas():
    model = torch.nn.Linear(3, 2).double()
    fields = {"lr": LR, "momentum": 0.8, "nesterov": False, "weight_decay": 0.1, "replicas": 2}
    fields |= {"gamma": 0.0, "growth": 0.0, "coupling_every": 1, "independent": False}
    fields |= {"scale_lr": True, "decay_times_replicas": True, "reestimate": False, "epochs": 1.0}
    groups = [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = ReplicatedSGD(groups, model, Clock(8, 8), **fields)
    optimizer.param_groups[0].update(momentum=0.5, weight_decay=0.3)

    class Slope:
        def resample(self, stream=0):
            pass

        def evaluate(self, replica):
            for p in replica.parameters():
                p.grad = torch.ones_like(p)
            return torch.zeros(())

    w = model.weight.detach().clone()
    buffer = torch.zeros_like(w)
    for _ in range(3):
        optimizer.step(Slope())
        buffer = 0.5 * buffer + 1 + 2 * 0.3 * w
        w = w - LR * buffer
        torch.testing.assert_close(model.weight.detach(), w, rtol=1e-12, atol=1e-14)
