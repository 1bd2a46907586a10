"""The closure over two processes computes what it does in one (gloo, on this machine)."""

import torch
from ranks import on_ranks
from toy import NUM, Net, build, same, sgd


class NoBN(Net):
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def two_steps(sync):
    """Gradients of a full and of a partial, unequal minibatch, and what was drawn."""
    parts = build(lambda g, m: (sgd(g), {}, {}), model=NoBN, batch_size=NUM - 7)
    gradients, indices = [], []
    for _ in range(2):
        parts.closure.resample()
        loss = parts.closure(sync=sync)
        used = [p.grad for p in parts.state.model.parameters() if p.grad is not None]
        gradients += [*used, loss]
        indices.append(parts.closure.batch.indices)
    tally = parts.closure.tally.read()
    return [g.clone() for g in gradients], indices, parts.state.counters.examples, tally


def test_two_ranks_share_every_minibatch_and_average_by_size():
    whole, indices, examples, tally = two_steps(sync=True)
    ranks = on_ranks(2, two_steps, True)
    for gradients, _, counted, read in ranks:
        assert counted == examples
        assert read["error"] == tally["error"]
        assert abs(read["loss"] / tally["loss"] - 1) < 1e-6
        torch.testing.assert_close(gradients, whole, rtol=1e-11, atol=1e-15)
    for step, together in enumerate(indices):
        assert torch.equal(torch.cat([rank[1][step] for rank in ranks]), together)


def test_without_sync_each_rank_keeps_its_own_gradient_and_all_know_the_loss():
    whole = two_steps(sync=False)[0]
    first, second = (rank[0] for rank in on_ranks(2, two_steps, False))
    losses = slice(len(first) // 2 - 1, None, len(first) // 2)
    torch.testing.assert_close(first[losses], whole[losses], rtol=1e-11, atol=1e-15)
    assert same(first[losses], second[losses])
    assert not same(first, second)
