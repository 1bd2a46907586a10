"""KOALA against its formulas, a tensor at a time, on a random problem with two groups."""

import pytest
import torch
from random_problem import Random
from test_koala_ranks import koala_m, koala_v
from torch.utils._python_dispatch import TorchDispatchMode

from basin.optimizer.koala_m import KoalaM
from basin.optimizer.koala_v import KoalaV

DECAY = 0.03


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
        for i, p in enumerate(plain.parameters[:3]):
            w, g = p.data, p.grad
            rate, lr = (0.0, 0.3) if i == 1 else (DECAY, 0.6)
            n = (g + rate * w).square().sum()
            s, risk = sigma * n + r, loss + 0.5 * rate * w.square().sum()
            w -= lr * risk * sigma / s * g
            shares.append(n / s)
        sigma = sigma - sigma**2 * max(shares)
        for a, b in zip(ours.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-11, atol=1e-13)


def test_koala_m_with_a_rate_for_each_group():
    ours, plain = Random(), Random()
    ours.groups[1]["lr"] = 0.3
    fields = {
        "sw": 0.2,
        "sc": 0.0,
        "sv": 0.1,
        "kappa": 0.7,
        "qw": 0.02,
        "qv": 0.03,
        "adaptive_q": True,
    }
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


class NoCopies(TorchDispatchMode):
    """Refuses tensors made of Python lists: a GPU would wait for the copy."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function.name() != "aten::lift_fresh", "copies from the host"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("make", [koala_v, koala_m])
def test_an_update_copies_nothing_from_the_host(make):
    problem = Random()
    optimizer = make(problem.groups)
    for _ in range(2):
        with NoCopies():
            optimizer.step(problem)
