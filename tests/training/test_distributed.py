"""The closure over two processes gives the gradient of one (gloo, on this machine)."""

import multiprocessing
import os

import torch
from torch import distributed as dist
from toy import NUM, Net, build, same, sgd


class NoBN(Net):
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def two_steps(*, sync=True):
    """Gradients of a full and of a partial, unequal minibatch, and what was drawn."""
    parts = build(lambda g, m: (sgd(g), {}, {}), model=NoBN, batch_size=NUM - 7)
    gradients, indices = [], []
    for _ in range(2):
        parts.closure.resample()
        loss = parts.closure(sync=sync)
        used = [p.grad for p in parts.state.model.parameters() if p.grad is not None]
        gradients += [*used, loss]
        indices.append(parts.closure.batch.indices)
    return [g.clone() for g in gradients], indices, parts.state.counters.examples


def rank(number, port, queue):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=number, world_size=2)
    gradients, indices, examples = two_steps()
    local, _, _ = two_steps(sync=False)
    queue.put((number, [g.numpy() for g in gradients], [i.numpy() for i in indices], examples))
    queue.put((number, [g.numpy() for g in local]))
    dist.destroy_process_group()


def test_two_ranks_share_every_minibatch_and_average_by_size(unused_port):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=rank, args=(i, unused_port, queue)) for i in range(2)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=120) for _ in range(4)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    whole, indices, examples = two_steps()
    ranks = sorted((r for r in results if len(r) == 4), key=lambda r: r[0])
    for _, gradients, _, counted in ranks:
        assert counted == examples
        for a, b in zip(gradients, whole, strict=True):
            torch.testing.assert_close(torch.from_numpy(a), b, rtol=1e-11, atol=1e-15)
    for step, together in enumerate(indices):
        halves = [torch.from_numpy(r[2][step]) for r in ranks]
        assert torch.equal(torch.cat(halves), together)
    first, second = (r for r in sorted((r for r in results if len(r) == 2), key=lambda r: r[0]))
    assert not same(*([torch.from_numpy(g) for g in r[1]] for r in (first, second)))
