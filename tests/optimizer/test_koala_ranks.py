"""KOALA over two processes takes the updates of one (gloo, on this machine)."""

import torch
from ranks import on_ranks
from toy import NUM, Net, build

from basin.optimizer.koala_m import KoalaM
from basin.optimizer.koala_v import KoalaV


class NoBN(Net):
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def koala_v(groups):
    return KoalaV(groups, lr=1.0, weight_decay=5e-4, sigma=0.1, q=1.0, r=None)


def koala_m(groups):
    fields = {
        "sw": 0.1,
        "sc": 0.0,
        "sv": 0.1,
        "kappa": 0.9,
        "qw": 0.01,
        "qv": 0.01,
        "adaptive_q": True,
    }
    return KoalaM(groups, lr=1.0, weight_decay=5e-4, r=None, **fields)


def three_steps(make):
    """Weights after a full, a partial and another full minibatch, unequally shared."""
    parts = build(lambda g, m: (make(g), {}, {}), model=NoBN, batch_size=NUM - 7)
    for _ in range(3):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    return [p.detach() for p in parts.state.model.parameters()]


def both():
    return {make.__name__: three_steps(make) for make in (koala_v, koala_m)}


def test_two_ranks_have_one_filter():
    whole = both()
    for weights in on_ranks(2, both):
        for name, expected in whole.items():
            torch.testing.assert_close(weights[name], expected, rtol=1e-10, atol=1e-14)
