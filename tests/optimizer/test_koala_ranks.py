"""KOALA over two processes takes the updates of one (gloo, on this machine)."""

import multiprocessing
import os

import torch
from torch import distributed as dist
from toy import NUM, Net, build

from basin.optimizer.koala_m import KoalaM
from basin.optimizer.koala_v import KoalaV


class NoBN(Net):
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def koala_v(groups):
    return KoalaV(groups, lr=1.0, weight_decay=5e-4, sigma=0.1, q=1.0, r=None)


def koala_m(groups):
    fields = {"sw": 0.1, "sv": 0.1, "kappa": 0.9, "qw": 0.01, "qv": 0.01, "adaptive_q": True}
    return KoalaM(groups, lr=1.0, weight_decay=5e-4, r=None, **fields)


def three_steps(make):
    """Weights after a full, a partial and another full minibatch, unequally shared."""
    parts = build(lambda g, m: (make(g), {}, {}), model=NoBN, batch_size=NUM - 7)
    for _ in range(3):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    return [p.detach() for p in parts.state.model.parameters()]


def rank(number, port, queue):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=number, world_size=2)
    for make in (koala_v, koala_m):
        queue.put((make.__name__, [w.numpy() for w in three_steps(make)]))
    dist.destroy_process_group()


def test_two_ranks_have_one_filter(unused_port):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=rank, args=(i, unused_port, queue)) for i in range(2)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=120) for _ in range(4)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    whole = {make.__name__: three_steps(make) for make in (koala_v, koala_m)}
    for name, weights in results:
        for a, b in zip(weights, whole[name], strict=True):
            torch.testing.assert_close(torch.from_numpy(a), b, rtol=1e-10, atol=1e-14)
