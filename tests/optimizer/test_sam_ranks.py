"""SAM over two processes (gloo, on this machine) against its passes written out in one."""

import multiprocessing
import os
import socket

import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.nn import functional as F
from toy import CLASSES, NUM, build, same, sgd

from basin.optimizer.koala_v import KoalaV
from basin.optimizer.sam import SAM, steepest

pytestmark = pytest.mark.slow

RHO, STEPS = 0.2, 3


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, CLASSES)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def sam(base, *, sync, m):
    fields = {"rho": RHO, "m": m, "ascent_steps": 1, "decay": "base", "sync_ascent": sync}
    return SAM(base=base, direction=steepest, **fields)


def koala_v(groups):
    return KoalaV(groups, lr=1.0, weight_decay=5e-4, sigma=0.1, q=1.0, r=None)


CASES = {  # minibatches have 113 and 7 examples, which two ranks share as 56 + 57 and 3 + 4
    "own": (sgd, False, None),
    "common": (sgd, True, None),
    "own of 8": (sgd, False, 8),
    "common of 8": (sgd, True, 8),
    "koala": (koala_v, False, None),
}


def run(base, sync, m):
    """A run that has taken three steps: weights, and the losses that they returned."""
    parts = build(lambda g, _: (sam(base(g), sync=sync, m=m), {}, {}), **DATA)
    losses = []
    for _ in range(STEPS):
        parts.closure.resample()
        losses.append(parts.state.optimizer.step(parts.closure))
    return [p.detach() for p in parts.state.model.parameters()], torch.stack(losses)


DATA = {"model": Plain, "batch_size": NUM - 7}


def rank(number, port, queue):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=number, world_size=2)
    found = {}
    for name, case in CASES.items():
        weights, losses = run(*case)
        found[name] = [*(w.numpy() for w in weights), losses.numpy()]
    queue.put((number, found))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused_port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=rank, args=(i, unused_port, queue)) for i in range(2)]
    for process in processes:
        process.start()
    results = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return [
        {name: [torch.from_numpy(v) for v in values] for name, values in results[i].items()}
        for i in range(2)
    ]


class WrittenOut:
    """The step of SAM over ranks, on the whole minibatch: a base that is given each gradient."""

    def __init__(self, parts, base, parts_of):
        self.parts, self.parts_of = parts, parts_of
        self.base = base([{"params": list(parts.state.model.parameters())}])

    def gradient(self, rows):
        """Gradient and losses over some examples of the minibatch."""
        model, batch = self.parts.state.model, self.parts.closure.batch
        losses = F.cross_entropy(model(batch.images[rows]), batch.targets[rows], reduction="none")
        return torch.autograd.grad(losses.mean(), list(model.parameters())), losses.detach()

    def step(self):
        parameters = list(self.parts.state.model.parameters())
        num = len(self.parts.closure.batch)
        self.losses = self.gradient(slice(None))[1]
        pieces = self.parts_of(num)  # of each rank: the chunks that climb together
        total = [torch.zeros_like(p) for p in parameters]
        for climbing in pieces:
            ascents = [(len(range(*c.indices(num))), self.gradient(c)[0]) for c in climbing]
            weights = [size / sum(size for size, _ in ascents) for size, _ in ascents]
            ascent = [
                sum(weight * g[i] for weight, (_, g) in zip(weights, ascents, strict=True))
                for i in range(len(parameters))
            ]
            length = torch.sqrt(sum((g**2).sum() for g in ascent))
            with torch.no_grad():
                for p, g in zip(parameters, ascent, strict=True):
                    p += RHO * g / length
            for c, (size, _) in zip(climbing, ascents, strict=True):
                for t, g in zip(total, self.gradient(c)[0], strict=True):
                    t += size / num * g
            with torch.no_grad():
                for p, g in zip(parameters, ascent, strict=True):
                    p -= RHO * g / length
        for p, g in zip(parameters, total, strict=True):
            p.grad = g
        return self.base.step(self)

    def __call__(self, **switches):
        """The closure that the base sees: gradients are there."""
        return self.losses.mean()


def shares(num):
    return [slice(0, num // 2), slice(num // 2, num)]


def eights(part):
    """Chunks of 8; the rank whose share is a multiple of 8 has its last example for itself."""
    starts = list(range(part.start, part.stop, 8))
    if (part.stop - part.start) % 8 == 0 and part.start == 0 and part.stop > 8:
        starts.append(part.stop - 1)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], part.stop], strict=True)]


CLIMBS = {
    "own": lambda num: [[part] for part in shares(num)],
    "common": lambda num: [shares(num)],
    "own of 8": lambda num: [[c] for part in shares(num) for c in eights(part)],
    "common of 8": lambda num: list(zip(*(eights(part) for part in shares(num)), strict=True)),
    "koala": lambda num: [[part] for part in shares(num)],
}


@pytest.mark.parametrize("name", CASES)
def test_the_update_is_the_written_one_and_common_to_ranks(name, ranks):
    base, *_ = CASES[name]
    parts = build(lambda g, _: (sgd(g), {}, {}), **DATA)
    reference, losses = WrittenOut(parts, base, CLIMBS[name]), []
    for _ in range(STEPS):
        parts.closure.resample()
        losses.append(reference.step())
    expected = [*(p.detach() for p in parts.state.model.parameters()), torch.stack(losses)]
    for found in ranks:
        for a, b in zip(found[name], expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)
    assert same(ranks[0][name][:-1], ranks[1][name][:-1])


def test_ascents_of_their_own_are_another_update(ranks):
    assert not same(ranks[0]["own"], ranks[0]["common"])
