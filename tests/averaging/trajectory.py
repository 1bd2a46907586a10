"""A deterministic training of 10 examples, on which the authors' code was run beside ours."""

import torch
from torch import nn
from torch.nn import functional as F

from basin.core.protocols import Stage, TrainState

BN = {"examples": None, "batches": None, "plain": None, "equal_batches": None}
IMAGES = torch.cos(torch.arange(30, dtype=torch.float64)).reshape(10, 3) * 2
TARGETS = torch.arange(10) % 3
PIECES = [slice(i, i + 4) for i in range(0, 10, 4)]  # the last has 2


class Net(nn.Module):
    """Weights are sines of their number."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn, self.b = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)
        self.double()
        num = 0
        for p in self.parameters():
            values = torch.arange(num, num + p.numel(), dtype=torch.float64)
            num += p.numel()
            p.data = torch.sin(values + 1).reshape(p.shape) * 0.7 + (0.5 if p.ndim == 1 else 0)

    def forward(self, x):
        return self.b(F.relu(self.bn(self.a(x))))


def batches(augmented, limit):
    return iter([IMAGES[piece] for piece in PIECES])


def train(net, averager, epochs, *, rate=lambda t: 0.1):
    """SGD with momentum; the averager sees every update, and its solution is written back."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    state = TrainState(net, optimizer, {}, {}, Stage(epochs, 0.0, False))
    for epoch in range(epochs):
        solution = averager.restart(state, batches)
        if solution is not None:
            with torch.no_grad():
                pairs = [*zip(net.parameters(), solution.weights, strict=True)]
                pairs += [*zip(net.buffers(), solution.buffers, strict=True)]
                for live, new in pairs:
                    live.copy_(new)
            optimizer.state.clear()
        net.train()
        for k, piece in enumerate(PIECES):
            optimizer.param_groups[0]["lr"] = rate(epoch + k / len(PIECES))
            optimizer.zero_grad()
            F.cross_entropy(net(IMAGES[piece]), TARGETS[piece]).backward()
            optimizer.step()
            state.t = epoch + (k + 1) / len(PIECES)
            averager.observe(state)
    return state
