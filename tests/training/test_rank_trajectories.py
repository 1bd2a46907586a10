"""Fifty updates on two ranks are those of one process, and the ranks never differ."""

import pytest
import torch
from ranks import on_ranks
from torch import nn
from toy import BATCH, NUM, Net, build, same, sgd, train, weights

from basin.core.clock import Clock
from basin.optimizer.lookahead import Lookahead
from basin.optimizer.sam import SAM, steepest
from basin.training.synced_batchnorm import with_synced_batchnorm


class Plain(Net):
    """No BN, no dropout."""

    def __init__(self):
        super().__init__(0.0)
        self.bn = nn.Identity()


class Normed(Net):
    """BN of each rank for itself."""

    def __init__(self):
        super().__init__(0.0)


def synced():
    return with_synced_batchnorm(Normed())


REST = [("sgd", synced), ("sam", Plain), ("lookahead", Plain)]


def sam(groups, **values):
    fields = {"rho": 0.05, "m": None, "ascent_steps": 1, "decay": "base", "sync_ascent": True}
    return SAM(base=sgd(groups), direction=steepest, **{**fields, **values})


METHODS = {
    "sgd": lambda groups, model: sgd(groups),
    "sam": lambda groups, model: sam(groups),
    "lookahead": lambda groups, model: Lookahead(
        base=sgd(groups), model=model, alpha=0.5, k=5, momentum="pullback"
    ),
    "local sam": lambda groups, model: sam(groups, sync_ascent=False),
    "m-sam": lambda groups, model: sam(groups, m=10),
}


def fifty(method, model, batch_size=BATCH, **options):
    """Weights and buffers after training, the lines of its log, and the rows that were drawn."""
    parts = build(
        lambda groups, network: (METHODS[method](groups, network), {}, {}),
        model=model,
        epochs=Clock(NUM, batch_size).epochs("50 steps"),
        batch_size=batch_size,
        **options,
    )
    rows = []
    resample = parts.closure.resample

    def noting(*arguments, **keywords):
        resample(*arguments, **keywords)
        rows.append(parts.closure.batch.indices)

    parts.closure.resample = noting
    lines = train(parts).sink.lines
    assert parts.state.counters.step == 50
    for line in lines:
        del line["images_per_second"], line["seconds"]
    return weights(parts), lines, rows


def agree(method, model, other=None, batch_size=BATCH):
    """Two ranks against one process, that of method `other` where one is given."""
    one = fifty(other or method, model, batch_size)
    first, second = on_ranks(2, fifty, method, model, batch_size)
    assert same(first[0], second[0])
    assert first[1] == second[1]
    torch.testing.assert_close(first[0], one[0], rtol=1e-9, atol=1e-12)
    for mine, its in zip(first[1], one[1], strict=True):
        assert mine["solutions"]["last"]["test"] == pytest.approx(
            its["solutions"]["last"]["test"], rel=1e-5
        )
        assert mine["train"] == pytest.approx(its["train"], rel=1e-5)
    for ours, theirs, together in zip(first[2], second[2], one[2], strict=True):
        assert torch.equal(torch.cat([ours, theirs]), together)


@pytest.mark.parametrize(
    ("method", "model"),
    [
        ("sgd", Plain),
        ("sam", synced),
        ("lookahead", synced),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in REST),
    ],
)
def test_the_same_fifty_updates(method, model):
    agree(method, model)


def test_a_rank_with_its_own_perturbation_is_a_chunk_of_one_process():
    agree("local sam", Normed, "m-sam", batch_size=20)


def test_batch_norm_of_each_rank_is_that_of_micro_batches():
    one = fifty("sgd", Normed, batch_size=20, micro_batch=10)[0]
    first, second = (rank[0] for rank in on_ranks(2, fifty, "sgd", Normed, 20))
    assert same(first, second)
    torch.testing.assert_close(first, one, rtol=1e-9, atol=1e-12)
