"""The foreach updates against the same formulas, a tensor at a time, on a random problem."""

from math import sqrt

import pytest
import torch

from basin.core.clock import Clock
from basin.optimizer.adam import Adam
from basin.optimizer.koala_m import KoalaM
from basin.optimizer.koala_v import KoalaV
from basin.optimizer.lamb import Lamb
from basin.optimizer.lars import Lars
from basin.optimizer.nadam import NAdam
from basin.optimizer.padam import Padam
from basin.optimizer.sgdw import SGDW

BETAS, EPS, DECAY = (0.8, 0.95), 1e-3, 0.03
LR_FACTORS = (0.5, 1.0, 0.7, 0.2, 0.2)
LR = 0.05
MOMENTUM = 0.8


class Random:
    """Least squares through tanh; two groups, one without decay, one parameter without gradient."""

    def __init__(self):
        generator = torch.Generator().manual_seed(3)
        sizes = ((6, 5), (6,), (3, 6), (4,))
        values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in sizes]
        self.inputs, self.targets = (
            torch.randn(9, n, generator=generator, dtype=torch.float64) for n in (5, 3)
        )
        self.parameters = [torch.nn.Parameter(v) for v in values]
        first, bias, second, idle = self.parameters
        self.groups = [{"params": [first, second, idle]}, {"params": [bias], "weight_decay": 0.0}]
        self.losses = torch.empty(0)

    def __call__(self, **switches):
        first, bias, second, _ = self.parameters
        hidden = torch.tanh(self.inputs @ first.T + bias)
        losses = (hidden @ second.T - self.targets).square().mean(1)
        for p in self.parameters:
            p.grad = None
        losses.mean().backward()
        self.losses = losses.detach()
        return losses.mean().detach()

    def moving(self):
        """(weight, gradient, its decay) of what has a gradient."""
        first, bias, second, _ = self.parameters
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
        reference(plain.moving(), states, LR * eta, eta, t)
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


@pytest.mark.parametrize("decay", ["coupled", "lr", "multiplier"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgdw(decay, nesterov):
    def plain(moving, states, lr, eta, t):
        for (w, g, rate), state in zip(moving, states, strict=True):
            pull = {"coupled": 0.0, "lr": lr, "multiplier": eta}[decay] * rate * w
            g = g + rate * w if decay == "coupled" else g
            state["buffer"] = MOMENTUM * state.get("buffer", 0.0) + g
            w -= lr * (g + MOMENTUM * state["buffer"] if nesterov else state["buffer"]) + pull

    fields = {"lr": LR, "momentum": MOMENTUM, "nesterov": nesterov, "weight_decay": DECAY}
    compare(lambda g: SGDW(g, **fields, form="torch", decay=decay, reset_on_drop=False), plain)


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


def test_koala_v_with_a_rate_for_each_group():
    ours, plain = Random(), Random()
    ours.groups[1]["lr"] = 0.3
    optimizer = KoalaV(ours.groups, lr=0.6, weight_decay=DECAY, sigma=0.2, q=0.5, r=None)
    sigma, r = 0.2, 1.0
    for _ in range(6):
        optimizer.step(ours)
        loss = plain()
        sigma, r = sigma + 0.5, 0.9 * r + 0.1 * plain.losses.square().mean()
        shares = []
        for w, g, rate in plain.moving():
            n = (g + rate * w).square().sum()
            s, risk = sigma * n + r, loss + 0.5 * rate * w.square().sum()
            w -= (0.6 if rate else 0.3) * risk * sigma / s * g
            shares.append(n / s)
        sigma = sigma - sigma**2 * max(shares)
        for a, b in zip(ours.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)


def test_koala_m_with_a_rate_for_each_group():
    ours, plain = Random(), Random()
    ours.groups[1]["lr"] = 0.3
    fields = {"sw": 0.2, "sv": 0.1, "kappa": 0.7, "qw": 0.02, "qv": 0.03, "adaptive_q": True}
    optimizer = KoalaM(ours.groups, lr=0.6, weight_decay=DECAY, r=None, **fields)
    P = torch.tensor([[0.2, 0.0], [0.0, 0.1]], dtype=torch.float64)
    F, qw, r = torch.tensor([[1, 1], [0, 0.7]], dtype=torch.float64), 0.02, 1.0
    velocities, means = ([torch.zeros_like(p) for p in plain.parameters] for _ in range(2))
    count = sum(p.numel() for p in plain.parameters)
    for _ in range(6):
        optimizer.step(ours)
        apart = [m - p.data for m, p in zip(means, plain.parameters, strict=True)]
        qw = 0.9 * qw + 0.1 * torch.cat([d.flatten() for d in apart]).norm() / count
        for p, v in zip(plain.parameters, velocities, strict=True):
            p.data += v
            v *= 0.7
        P = F @ P @ F.T + torch.tensor([[qw, 0], [0, 0.03]], dtype=torch.float64)
        loss = plain()
        r = 0.9 * r + 0.1 * plain.losses.square().mean()
        shares = []
        for i, (p, v, mean) in enumerate(zip(plain.parameters, velocities, means, strict=True)):
            if p.grad is None:
                continue
            w, rate, lr = p.data, *((0.0, 0.3) if i == 1 else (DECAY, 0.6))
            g = p.grad + rate * w
            n, risk = g.square().sum(), loss + 0.5 * rate * w.square().sum()
            s = n * P[0, 0] + r
            w -= lr * risk * P[0, 0] / s * g
            v -= lr * risk * P[1, 0] / s * g
            mean += 0.1 * (w - mean)
            shares.append(n / s)
        P = P - max(shares) * torch.outer(P[:, 0], P[:, 0])
        for a, b in zip(ours.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)
