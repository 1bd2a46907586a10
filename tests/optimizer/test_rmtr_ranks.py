"""RMTR over two processes takes the updates of one (gloo, on this machine)."""

import pytest
import torch
from ranks import on_ranks
from test_rmtr import built


def two_passes():
    """Weights and costs after two passes of overlapping minibatches that grow in between."""
    words = ["optimizer.sample.zeta=1e9", "optimizer.batch=50", "lr=0.3"]
    parts = built(*words, batch_size=20)
    for _ in range(2):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    told = parts.state.optimizer.describe()
    return [p.detach() for p in parts.state.model.parameters()], told


@pytest.mark.slow
def test_two_ranks_take_the_steps_of_one():
    (weights, told), (again, same_told) = on_ranks(2, two_passes)
    alone, alone_told = two_passes()
    assert told == same_told and told["sample_size"] == alone_told["sample_size"] == 120
    assert told["work_units"] == pytest.approx(alone_told["work_units"])
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))
    for a, b in zip(weights, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
