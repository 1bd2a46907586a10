"""Which examples each rank has: together those of one process, in its order."""

import pytest
import torch
from ranks import on_ranks
from toy import NUM, Net, build, same, sgd

from basin.optimizer.entropy_sgd import EntropySGD
from basin.training.distributed import Ranks
from basin.training.minibatch import cut


def on_rank(rank, size, batch_size=16):
    """The closure of one rank, without the others: it draws, and computes nothing."""
    parts = build(lambda g, m: (sgd(g), {}, {}), batch_size=batch_size)
    ranks = Ranks()
    ranks.rank, ranks.size = rank, size
    parts.closure.input._ranks = ranks
    return parts.closure


def rows(size, draws, batch_size=16):
    """Rows of the data set in each minibatch, of all ranks together, and the closures."""
    closures = [on_rank(rank, size, batch_size) for rank in range(size)]
    drawn = []
    for arguments in draws:
        for closure in closures:
            closure.resample(**arguments)
        drawn.append(torch.cat([closure.batch.indices for closure in closures]))
        images = torch.cat([closure.batch.images for closure in closures])
        drawn.append(images.flatten())
    return drawn, closures


@pytest.mark.parametrize("size", [2, 3, 4])
def test_resampled_kept_and_of_any_size(size):
    draws = [{}, {"keep": 5}, {"size": 11}, {"size": 20, "keep": 9}, {"stream": 2}]
    draws += [{}] * 9  # over the end of a pass, whose last minibatch is smaller
    together, closures = rows(size, draws)
    alone, (one,) = rows(1, draws)
    assert same(together, alone)
    for closure in closures:
        assert closure.size == one.size
        assert closure.input._counters == one.input._counters
        assert closure.input.order.cursors == one.input.order.cursors


def test_kept_examples_are_the_last_of_all_ranks():
    (first, _, second, _), _ = rows(3, [{}, {"keep": 5}])
    assert torch.equal(first[-5:], second[:5])


@pytest.mark.parametrize("batch_size", [16, 17, 19, 23])
@pytest.mark.parametrize("piece", [2, 3, 4, 8, 20])
def test_pieces_are_as_many_on_every_rank_and_none_is_empty(batch_size, piece):
    _, closures = rows(4, [{}], batch_size)
    pieces = [list(closure.chunks(piece)) for closure in closures]
    assert len({len(mine) for mine in pieces}) == 1
    for turn in zip(*pieces, strict=True):
        lengths = tuple(len(chunk.batch) for chunk in turn)
        assert min(lengths) > 0 and max(lengths) <= piece
        assert {chunk.size for chunk in turn} == {sum(lengths)}
        assert {chunk.batch.parts for chunk in turn} == {lengths}
        assert len({chunk.batch.common for chunk in turn}) == 1
        assert len({chunk.batch.first for chunk in turn}) == 4
    assert sum(chunk.size for chunk in pieces[0]) == batch_size
    for closure, mine in zip(closures, pieces, strict=True):
        assert torch.equal(torch.cat([c.batch.indices for c in mine]), closure.batch.indices)


def test_pieces_that_some_rank_would_not_have_are_refused():
    _, closures = rows(4, [{}], 17)
    for closure in closures:
        with pytest.raises(ValueError, match="drop_last=true"):
            list(closure.chunks(1))


def test_fewer_examples_than_ranks_are_refused():
    closure = on_rank(0, 4)
    with pytest.raises(ValueError, match="3 examples is too small for 4 ranks"):
        closure.resample(size=3)


def test_cut():
    assert cut(8, 3, 3) == [0, 3, 6, 8]
    assert cut(6, 3, 3) == [0, 3, 5, 6]  # beside a rank of 7


def uneven(piece):
    """Gradient and losses of chunks, weighted by their size, and the running statistics."""
    parts = build(lambda g, m: (sgd(g), {}, {}), batch_size=NUM - 7, dropout=0.0)
    for _ in range(2):  # the second minibatch is of 7
        parts.closure.resample()
        total = [torch.zeros_like(p) for p in parts.state.model.parameters()]
        for chunk in parts.closure.chunks(piece):
            chunk()
            grads = [p.grad for p in parts.state.model.parameters()]
            torch._foreach_add_(total, grads, alpha=chunk.size / parts.closure.size)
    return total, list(parts.state.model.buffers())


def test_uneven_chunks_leave_the_ranks_alike():
    first, second = on_ranks(2, uneven, 3)
    assert same(first[0], second[0]) and same(first[1], second[1])


def explored():
    """Weights after two outer steps of Entropy-SGD, whose inner steps are noisy, with dropout."""
    fields = {"lr": 0.5, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
    inner = {"steps": 3, "inner_lr": 0.1, "inner_momentum": 0.9, "inner_weight_decay": 0.0}
    more = {"alpha": 0.75, "noise": 0.01, "gamma": None, "growth": None, "scale_by_gamma": True}

    def method(groups, model):
        from basin.core.clock import Clock

        clock = Clock(NUM, 16)
        return (
            EntropySGD(
                groups,
                outer="momentum",
                coupling="early",
                epochs=1.0,
                clock=clock,
                **fields,
                **inner,
                **more,
            ),
            {},
            {},
        )

    parts = build(method, model=Net)
    for _ in range(3):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    return [p.detach() for p in parts.state.model.parameters()]


def test_an_optimizer_that_draws_noise_draws_the_same_on_every_rank():
    first, second = on_ranks(2, explored)
    assert same(first, second)
