"""SAM with the loss scale of fp16 and with micro-batches: the steps of a run without them."""

import pytest
import torch
from toy import CPU, Net, build, same, sgd, train, weights

from basin.optimizer.asam import adaptive
from basin.optimizer.sam import SAM, steepest
from basin.training.precision import LossScale, Precision


class NoBN(Net):
    """Micro-batches have BN statistics of their own, so there are none."""

    def forward(self, x):
        return self.fc(self.drop(torch.relu(self.conv(x))).mean((2, 3)))


def run(*, scale=None, direction=steepest, m=None, overflow=(), **data):
    """A run under a loss scale in float32, whose powers of two change no digit."""
    precision = Precision("fp32", CPU)
    precision.scale = scale and Spoilt(scale, overflow)
    fields = {"rho": 0.2, "m": m, "ascent_steps": 1, "decay": "base", "sync_ascent": False}
    return build(
        lambda g, _: (SAM(base=sgd(g), direction=direction, **fields), {}, {}),
        precision=precision,
        epochs=2.0,
        **data,
    )


class Spoilt(LossScale):
    """Finds an overflow in the backward passes of these numbers."""

    def __init__(self, scale, overflow):
        super().__init__(scale)
        self.overflow, self.passes = overflow, 0

    def unscale_(self, gradients):
        self.passes += 1
        if self.passes in self.overflow:
            gradients[0].fill_(torch.inf)
        return super().unscale_(gradients)


@pytest.mark.parametrize("direction", [steepest, adaptive])
@pytest.mark.parametrize("m", [None, 6])
def test_a_loss_scale_changes_nothing(direction, m):
    plain, scaled = (run(scale=s, direction=direction, m=m) for s in (None, 2.0**12))
    train(plain)
    train(scaled)
    assert same(weights(plain), weights(scaled))
    assert scaled.state.counters.skipped == 0


@pytest.mark.parametrize("at", [1, 2], ids=["while climbing", "above"])
def test_an_overflow_in_either_pass_is_a_skipped_step(at):
    """The third step is thrown away: weights are what they were, the scale is halved."""
    parts = run(scale=2.0**12, overflow=[4 + at], model=NoBN)
    twin = run(model=NoBN)
    train(parts)
    for step in range(1, 17):
        twin.closure.resample()
        if step != 3:
            twin.state.optimizer.step(twin.closure)
    scale = parts.precision.scale
    assert (parts.state.counters.skipped, scale.scale) == (1, 2.0**11)
    assert scale.passes == (31 if at == 1 else 32)
    for a, b in zip(weights(parts), weights(twin), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("scale", [None, 2.0**12])
@pytest.mark.parametrize("m", [None, 6])
def test_micro_batches_climb_together(m, scale):
    """Dropout is keyed by the first example of a piece, so that there is none here either."""
    whole = run(model=lambda: NoBN(0.0), m=m)
    pieces = run(model=lambda: NoBN(0.0), m=m, micro_batch=4, scale=scale)
    train(whole)
    train(pieces)
    for a, b in zip(weights(whole), weights(pieces), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-5, atol=1e-6)
