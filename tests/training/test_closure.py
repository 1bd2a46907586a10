"""The closure's contract (architecture, section 1)."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from toy import CPU, Net, build, prepare, same, sgd, weights

from basin.core.gates import Gate
from basin.core.protocols import StepSkipped
from basin.training.network import GRAPHS, Network
from basin.training.precision import LossScale, Precision


def plain(groups, model):
    return sgd(groups), {}, {}


def drawn(**kwargs):
    parts = build(plain, **kwargs)
    parts.closure.resample()
    return parts


def grads(model):
    return [p.grad.clone() for p in model.parameters()]


def buffers(model):
    return [b.clone() for b in model.buffers()]


def test_gives_the_mean_loss_the_losses_and_the_true_gradient():
    parts = drawn(dropout=0.0)
    closure, model = parts.closure, parts.state.model
    loss = closure()
    got = grads(model)
    reference = copy.deepcopy(model)
    reference.zero_grad()
    batch = closure.batch
    expected = F.cross_entropy(reference(batch.images), batch.targets, reduction="none")
    expected.mean().backward()
    torch.testing.assert_close(loss, expected.mean().detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(closure.losses, expected.detach(), rtol=1e-12, atol=0)
    for a, b in zip(got, grads(reference), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("compile", [True, GRAPHS])
def test_compiled_steps_are_the_eager_ones(compile):
    """Losses and weights of four steps in float64; on a CPU there are no graphs to capture."""
    found = []
    for how in (False, compile):
        parts = build(plain, dropout=0.0, compile=how)
        losses = []
        for _ in range(4):
            parts.closure.resample()
            parts.state.optimizer.step(parts.closure)
            losses.append(parts.closure.losses)
        found.append([*losses, *parts.state.model.parameters(), *buffers(parts.state.model)])
    for eager, other in zip(*found, strict=True):
        torch.testing.assert_close(eager, other, rtol=1e-9, atol=1e-12)


def test_gradients_of_a_graph_are_copied_out_of_it():
    parts = drawn()
    parts.closure()
    model = parts.state.model
    before = [p.grad for p in model.parameters()]
    Network(model).own_gradients_()
    for old, p in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, p.grad) and old.data_ptr() != p.grad.data_ptr()
        assert old.stride() == p.grad.stride()
    model.zero_grad(set_to_none=True)
    Network(model).own_gradients_()
    assert all(p.grad is None for p in model.parameters())


def test_replays_dropout_until_resample():
    parts = drawn(dropout=0.5)
    closure = parts.closure
    first, second = closure(), closure()
    torch.rand(3)  # whatever draws from the generator in between
    third = closure()
    assert first == second == third
    before = closure.losses.clone()
    closure.resample()
    closure()
    assert not torch.equal(before, closure.losses)


def test_track_stats_false_uses_batch_statistics_and_leaves_the_running_ones():
    parts = drawn(dropout=0.0)
    model, before = parts.state.model, buffers(parts.state.model)
    still = parts.closure(track_stats=False)
    assert same(before, buffers(model))
    moved = parts.closure()
    assert still == moved
    assert not same(before, buffers(model))


def test_backward_false_gives_a_loss_without_gradient_and_counts_apart():
    parts = drawn()
    parts.closure(backward=False, track_stats=False)
    assert all(p.grad is None for p in parts.state.model.parameters())
    assert (parts.state.counters.examples, parts.state.counters.forward_only) == (0, 16)


@pytest.mark.parametrize("micro_batch", [1, 5, 8, 16])
def test_micro_batches_give_the_gradient_of_the_whole_without_bn(micro_batch):
    whole = build(plain, model=WithoutBN)
    pieces = build(plain, model=WithoutBN, micro_batch=micro_batch)
    for parts in (whole, pieces):
        parts.closure.resample()
    torch.testing.assert_close(whole.closure(), pieces.closure(), rtol=1e-13, atol=0)
    for a, b in zip(grads(whole.state.model), grads(pieces.state.model), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-15)


class WithoutBN(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(36, 3)

    def forward(self, x):
        return self.fc(x.flatten(1))


def averaged_replicas(model, images, sizes):
    """Buffers of one update by the weighted mean of what replicas on the pieces would have."""
    total = [torch.zeros_like(b, dtype=torch.float64) for b in model.buffers()]
    for piece, size in zip(images.split(sizes), sizes, strict=True):
        replica = copy.deepcopy(model).train()
        replica(piece)
        for t, b in zip(total, replica.buffers(), strict=True):
            t += b.double() * size / len(images)
    return total


@pytest.mark.parametrize("m", [2, 5, 16])
def test_chunks_move_the_statistics_once_by_the_mean_of_theirs(m):
    parts = drawn()
    model, images = parts.state.model, parts.closure.batch.images
    expected = averaged_replicas(model, images, [len(p) for p in images.split(m)])
    sizes = []
    for chunk in parts.closure.chunks(m):
        chunk()
        chunk(track_stats=False)
        sizes.append(chunk.size)
    assert sizes == [len(p) for p in images.split(m)]
    for a, b in zip(buffers(model), expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bn_update", ["once", "per_chunk"])
def test_micro_batches_move_the_statistics_as_asked(bn_update):
    parts = drawn(micro_batch=5, bn_update=bn_update)
    model, images = parts.state.model, parts.closure.batch.images
    if bn_update == "once":
        expected = averaged_replicas(model, images, [5, 5, 5, 1])
    else:
        replica = copy.deepcopy(model).train()
        for piece in images.split(5):
            replica(piece)
        expected = buffers(replica)
    parts.closure()
    for a, b in zip(buffers(model), expected, strict=True):
        torch.testing.assert_close(a.double(), b.double(), rtol=1e-12, atol=1e-14)


def test_mean_of_chunk_gradients_weighted_by_size_is_the_gradient():
    parts = drawn(model=WithoutBN)
    total = [torch.zeros_like(p) for p in parts.state.model.parameters()]
    for chunk in parts.closure.chunks(6):
        chunk()
        for t, g in zip(total, grads(parts.state.model), strict=True):
            t += g * chunk.size / parts.closure.size
    parts.closure()
    for a, b in zip(total, grads(parts.state.model), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-15)


def test_evaluate_is_the_contract_for_another_module():
    parts = drawn()
    other = copy.deepcopy(parts.state.model)
    before = weights(parts)
    loss = parts.closure.evaluate(other)
    assert same(before, weights(parts))
    assert all(p.grad is None for p in parts.state.model.parameters())
    assert loss == parts.closure()
    assert same(grads(other), grads(parts.state.model))
    assert same(buffers(other), buffers(parts.state.model))


def test_resample_keeps_examples_and_streams_are_independent():
    closure = drawn().closure
    last = closure.batch.indices[-4:]
    images = closure.batch.images[-4:]
    closure.resample(size=10, keep=4)
    assert closure.size == 10
    assert torch.equal(closure.batch.indices[:4], last)
    assert torch.equal(closure.batch.images[:4], images)
    assert closure.input.order.cursors == {0: 22}
    closure.resample(stream=2)
    assert closure.input.order.cursors == {0: 22, 2: 16}
    with pytest.raises(ValueError, match="keep=16"):
        closure.resample(size=16, keep=16)
    while closure.input.order.cursors[0] % 120:
        closure.resample()
    assert closure.size < 12  # the end of the pass: an overlapping sampler keeps what there is
    closure.resample(size=16, keep=12)
    assert closure.size == 16


class ShakeToy(nn.Module):
    """w * x with factor 2 in forward and 3 in backward, unless coupled."""

    class Factor(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, coupled):
            ctx.coupled = coupled
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return (2 if ctx.coupled else 3) * g, None

    class Shake(Gate):
        def forward(self, x):
            return ShakeToy.Factor.apply(x, self.coupled)

    def __init__(self):
        super().__init__()
        self.fc, self.gate = nn.Linear(36, 3), ShakeToy.Shake()

    def forward(self, x):
        return self.gate(self.fc(x.flatten(1)))


def test_coupled_gates_use_the_forward_coefficients_in_backward():
    parts = drawn(model=ShakeToy)
    parts.closure()
    free = grads(parts.state.model)
    parts.closure(coupled_gates=True)
    for a, b in zip(free, grads(parts.state.model), strict=True):
        torch.testing.assert_close(a * 2 / 3, b, rtol=1e-12, atol=1e-15)
    assert not parts.state.model.gate.coupled


class Overflowing(Precision):
    """fp32 numbers with fp16's loss scale; the gradient overflows at the calls in `at`."""

    def __init__(self, at=()):
        super().__init__("fp32", CPU)
        self.scale, self.calls, self.at = LossScale(1024.0), 0, set(at)


class Exploding(Net):
    def __init__(self, precision):
        super().__init__(0.0)
        self.precision = precision

    def forward(self, x):
        logits = super().forward(x)
        bad = self.precision.calls in self.precision.at
        self.precision.calls += 1
        if bad:
            logits.register_hook(lambda g: g * float("inf"))
        return logits


def test_loss_scaling_hands_true_gradients():
    scaled = drawn(precision=Overflowing(), dropout=0.0)
    unscaled = drawn(precision=Precision("fp32", CPU), dropout=0.0)
    assert scaled.closure() == unscaled.closure()
    assert same(grads(scaled.state.model), grads(unscaled.state.model))  # 1024 is a power of two


@pytest.mark.parametrize("method", ["sgd", "sam", "sam_chunks", "koala", "sam_koala"])
@pytest.mark.parametrize("call", range(4))
def test_overflow_at_each_call_skips_the_step_and_restores_what_was_moved(method, call):
    from seams.test_seams import FILTER, sam

    from basin.optimizer.koala_m import KoalaM

    def koala(groups):
        return KoalaM(groups, lr=0.5, weight_decay=5e-4, kappa=0.9, **FILTER)

    make, calls = {
        "sgd": (sgd, 1),
        "sam": (lambda g: sam(sgd(g), rho=0.1), 2),
        "sam_chunks": (lambda g: sam(sgd(g), rho=0.1, m=8), 4),
        "koala": (koala, 1),
        "sam_koala": (lambda g: sam(koala(g), rho=0.1), 2),
    }[method]
    precision = Overflowing()
    parts = build(
        lambda g, m: (make(g), {}, {}), precision=precision, model=lambda: Exploding(precision)
    )
    parts.closure.resample()
    parts.state.optimizer.step(parts.closure)  # so that there is a momentum to lose
    parameters = list(parts.state.model.parameters())
    before, state = (
        [p.clone() for p in parameters],
        copy.deepcopy(parts.state.optimizer.state_dict()),
    )
    precision.calls, precision.at = 0, {call}
    if call >= calls:
        parts.state.optimizer.step(parts.closure)
        assert not same(before, [p.detach() for p in parameters])
        return
    with pytest.raises(StepSkipped):
        parts.state.optimizer.step(parts.closure)
    assert precision.calls == call + 1
    assert precision.scale.scale == 512.0
    assert same(before, [p.detach() for p in parameters])
    assert str(parts.state.optimizer.state_dict()) == str(state)


def test_scale_doubles_after_2000_clean_passes():
    scale = LossScale(8.0)
    for _ in range(1999):
        scale.update(overflow=False)
    assert scale.scale == 8.0
    scale.update(overflow=False)
    assert scale.scale == 16.0
    scale.update(overflow=True)
    assert scale.scale == 8.0


def test_images_are_normalised_and_channels_last():
    images = drawn().closure.batch.images
    assert images.is_contiguous(memory_format=torch.channels_last)
    pixels = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    got = prepare(torch.float64)(pixels).flatten()
    torch.testing.assert_close(
        got, torch.tensor([-1, (128 / 255 - 0.5) / 0.5, 1], dtype=torch.float64)
    )
