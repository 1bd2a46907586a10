"""Every configs/optimizer/*.yaml keeps seam 1's contract, in a small run with BN and dropout."""

from __future__ import annotations

import copy
import traceback
from functools import cache, partial
from math import inf, nan
from pathlib import Path

import pytest
import torch
import yaml
from test_configs import overrides_of, settings_of
from torch.utils._python_dispatch import TorchDispatchMode
from toy import BATCH, NUM, same, train, train_with_kill, weights
from toy import build as toy

from basin.core.clock import Clock
from basin.core.protocols import StepSkipped
from basin.core.scale_invariance import ScaleInvariant
from basin.experiment import build
from basin.experiment.check import check
from basin.training.precision import LossScale, Precision
from basin.training.snapshot import load_optimizer

OPTIONS = sorted(
    p.stem for p in (Path(__file__).resolve().parents[1] / "configs" / "optimizer").glob("*.yaml")
)
FACTS = yaml.safe_load((Path(__file__).parent / "optimizer" / "contract.yaml").read_text())
CPU = torch.device("cpu")


def fact(option, key, default):
    return FACTS.get(option, {}).get(key, default)


def minibatches(option):
    """Of the toy's size, that make an update."""
    return fact(option, "minibatches", fact(option, "bn_passes", 1))


def settings(option, *overrides):
    return settings_of(
        *overrides_of("optimizer", option),
        "schedule=constant",
        *fact(option, "overrides", []),
        *overrides,
    )


def make(option, *overrides, **run):
    """A toy run with the optimizer of the option's own YAML."""
    _, stages = settings(option, *overrides)
    (stage,) = stages.values()
    return toy(lambda groups, model: build.method(stage, model, Clock(NUM, BATCH)), **run)


def first_step(parts):
    """The loss that the first update returns."""
    parts.closure.resample()
    return parts.state.optimizer.step(parts.closure)


def plain(value):
    """A state as a flat list of (path, tensor or number)."""
    if isinstance(value, dict):
        return [(f"{k}.{p}", v) for k in value for p, v in plain(value[k])]
    if isinstance(value, (list, tuple)):
        return [(f"{k}.{p}", v) for k, one in enumerate(value) for p, v in plain(one)]
    return [("", value)]


def equal(left, right):
    return len(left) == len(right) and all(
        a == b and (torch.equal(v, w) if isinstance(v, torch.Tensor) else v == w)
        for (a, v), (b, w) in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_it_learns(option):
    lines = train(make(option, epochs=12.0, dropout=0.1)).sink.lines
    assert lines[-1]["train"]["loss"] < 0.75 * lines[0]["train"]["loss"]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("stops", [(3, 23), pytest.param((12,), marks=pytest.mark.slow)])
def test_it_resumes_bitwise_in_the_middle_of_a_cycle(option, stops):
    epochs = 4.0 * minibatches(option)
    undisturbed = make(option, epochs=epochs)
    train(undisturbed)
    for stop in stops:
        continued = train_with_kill(lambda: make(option, epochs=epochs), stop)
        assert same(weights(undisturbed), weights(continued)), stop
        left, right = (plain(p.state.optimizer.state_dict()) for p in (undisturbed, continued))
        assert equal(left, right), stop
        assert undisturbed.state.counters == continued.state.counters


@pytest.mark.parametrize("option", OPTIONS)
def test_a_stage_that_keeps_its_state_goes_on_as_if_there_were_none(option, monkeypatch):
    """At the same settings; what an optimizer writes into its groups is state too."""
    epochs = 3.0 * minibatches(option)
    train(undisturbed := make(option, epochs=epochs))
    kept = partial(load_optimizer, fields=False)
    monkeypatch.setattr("basin.training.snapshot.load_optimizer", lambda *x, fields: kept(*x))
    continued = train_with_kill(lambda: make(option, epochs=epochs), 5)
    assert same(weights(undisturbed), weights(continued))


@pytest.mark.parametrize("option", OPTIONS)
def test_it_returns_the_loss_at_the_weights_before_the_update(option):
    changes = fact(option, "loss", [])
    parts, twin = make(option, *changes), make(option, *changes)
    twin.closure.resample()
    expected = twin.closure(backward=False)
    before = [p.detach().clone() for p in parts.state.model.parameters()]
    loss = first_step(parts)
    assert loss.ndim == 0 and not loss.requires_grad
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    after = parts.state.model.parameters()
    still = sum(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert still <= fact(option, "still", 0)


@pytest.mark.parametrize("option", [o for o in OPTIONS if not fact(o, "late", False)])
def test_its_state_is_there_from_the_beginning(option):
    parts = make(option)
    before = [path for path, _ in plain(parts.state.optimizer.state_dict())]
    first_step(parts)
    assert before == [path for path, _ in plain(parts.state.optimizer.state_dict())]


@pytest.mark.parametrize("option", OPTIONS)
def test_it_moves_the_running_statistics_as_often_as_it_says(option):
    parts = make(option, "weight_decay=null")
    bn = parts.state.model.bn
    first_step(parts)
    assert int(bn.num_batches_tracked) == fact(option, "bn_passes", 1)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_keeps_dtype_and_layout(option):
    for dtype in (torch.float32, torch.float64):
        precision = Precision("fp32" if dtype == torch.float32 else "fp64", CPU)
        parts = make(option, precision=precision, epochs=1.0)
        train(parts)
        for p in parts.state.model.parameters():
            assert p.dtype == dtype and torch.isfinite(p).all()
        assert parts.state.model.conv.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_survives_a_parameter_without_gradient(option):
    class Lazy(ScaleInvariant):  # so that whoever asks for such weights has one
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Conv2d(1, 3, 6)
            self.idle = torch.nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.fc(x).flatten(1)

    parts = make(option, model=Lazy, epochs=2.0)
    train(parts)
    assert torch.isfinite(parts.state.model.idle).all()
    assert torch.equal(parts.state.model.idle, torch.ones(2, dtype=torch.float64))


class Given:
    """A closure whose gradients are changed by `change(model, step)`."""

    def __init__(self, closure, change, step):
        self._closure, self._change, self._step = closure, change, step

    def __getattr__(self, name):
        return getattr(self._closure, name)

    def __call__(self, **switches):
        return self._changed(self._closure.model, self._closure(**switches))

    def evaluate(self, model, **switches):
        return self._changed(model, self._closure.evaluate(model, **switches))

    def _changed(self, model, loss):
        self._change(model, self._step)
        return loss


def no_gradient(model, step):
    if step in (0, 2):
        model.zero_grad(set_to_none=True)


def late_gradient(model, step):
    if step < 3:
        model.conv.weight.grad = None


def zero_gradient(model, step):
    for p in model.parameters():
        p.grad.zero_()


@pytest.mark.parametrize("option", OPTIONS)
def test_it_survives_gradients_that_are_zero_or_come_and_go(option):
    for change in (no_gradient, late_gradient, zero_gradient):
        parts = make(option)
        before = parts.state.model.conv.weight.detach().clone()
        for step in range(5):
            parts.closure.resample()
            parts.state.optimizer.step(Given(parts.closure, change, step))
        assert all(torch.isfinite(v).all() for v in parts.state.model.state_dict().values())
        moved = not torch.equal(before, parts.state.model.conv.weight)
        assert moved or change is zero_gradient, change


@pytest.mark.parametrize("option", OPTIONS)
def test_a_rate_of_0_moves_nothing_and_is_survived(option):
    parts = make(option)
    optimizer = parts.state.optimizer
    rates = [group["lr"] for group in optimizer.param_groups]
    for step in range(4):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group.update(lr=rate * (step > 1), lr_factor=float(step > 1))
        before = weights_of(parts.state.model)
        parts.closure.resample()
        optimizer.step(parts.closure)
        after = weights_of(parts.state.model)
        assert same(before, after) is (step <= 1)
        assert all(torch.isfinite(p).all() for p in after)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_skipped_step_leaves_no_trace(option, call):
    """fp16 overflow in any of a step's passes: weights and state are what they were."""
    parts = make(option)
    optimizer, closure = parts.state.optimizer, parts.closure
    for _ in range(3):
        closure.resample()
        optimizer.step(closure)
    before = weights_of(parts.state.model)
    state = copy.deepcopy(plain(optimizer.state_dict()))
    closure.resample()
    overflowing = Overflowing(closure, call)
    try:
        optimizer.step(overflowing)
    except StepSkipped:
        assert same(before, weights_of(parts.state.model))
        assert equal(learnt(state), learnt(plain(optimizer.state_dict())))
    else:
        assert overflowing.calls < call


def weights_of(model):
    return [p.detach().clone() for p in model.parameters()]


def learnt(state):
    """All but running statistics, which a forward pass moves whatever becomes of its gradient."""
    return [(path, v) for path, v in state if "running_" not in path and "num_batches" not in path]


def name_of(path):
    """The key of a number, which for one of a list is the list's."""
    return [key for key in path.split(".") if key and not key.isdigit()][-1]


class Overflowing:
    """A closure whose call number `at` overflows after its backward pass."""

    def __init__(self, closure, at):
        self._closure, self._at, self.calls = closure, at, 0

    def __getattr__(self, name):
        return getattr(self._closure, name)

    def chunks(self, size):
        for chunk in self._closure.chunks(size):
            wrapped = Overflowing(chunk, self._at - self.calls)
            yield wrapped
            self.calls += wrapped.calls

    def __call__(self, **switches):
        return self._called(self._closure(**switches))

    def evaluate(self, model, **switches):
        return self._called(self._closure.evaluate(model, **switches))

    def _called(self, loss):
        self.calls += 1
        if self.calls == self._at:
            raise StepSkipped("overflow")
        return loss


class NoReads(TorchDispatchMode):
    """Refuses operations whose result the host reads, but for those that are exempt by name.

    EXEMPT: torch's step counters, which are CPU tensors, fp16's overflow flag, and what a trust
    region decides by.
    """

    READS = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "item")
    EXEMPT = (  # function, its file
        ("_get_value", "optimizer.py"),
        ("any", "distributed.py"),
        ("read", "pairs.py"),
    )

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix("aten::").split(".")[0]
        if (name in self.READS or by_mask(name, args)) and not any(
            frame.f_code.co_name == reader and frame.f_code.co_filename.endswith(file)
            for frame, _ in traceback.walk_stack(None)
            for reader, file in self.EXEMPT
        ):
            raise AssertionError(f"{name} waits for the device")
        return function(*args, **(kwargs or {}))


def by_mask(name, args):
    """Whether this takes the rows where a mask is true: the host reads how many there are."""
    masks = args[1] if name in ("index", "index_put", "index_put_") else ()
    return any(m is not None and m.dtype == torch.bool for m in masks)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_reads_nothing_back_in_a_step(option):
    parts = make(option, precision=Precision("fp32", CPU))
    for _ in range(3):
        parts.closure.resample()
        with NoReads():
            parts.state.optimizer.step(parts.closure)


OFFENCES = {
    "item": lambda g: g.sum().item(),
    "float": lambda g: float(g.norm()),
    "if": lambda g: 1 if g.sum() > 0 else 2,
    "rows where": lambda g: g[g > 0],
    "torch.equal": lambda g: torch.equal(g, g),
}


@pytest.mark.parametrize("offence", OFFENCES)
def test_a_step_that_reads_back_is_caught(offence):
    class Reading(torch.optim.SGD):
        def step(self, closure):
            loss = closure()
            OFFENCES[offence](self.param_groups[0]["params"][0].grad)
            return loss

    parts = toy(lambda groups, model: (Reading(groups, lr=0.1), {}, {}))
    parts.closure.resample()
    with NoReads(), pytest.raises(AssertionError, match="waits for the device"):
        parts.state.optimizer.step(parts.closure)


def test_the_flag_of_fp16_is_read():
    parts = make("sam", precision=Precision("fp32", CPU))
    parts.precision.scale = LossScale()
    parts.closure.resample()
    with NoReads():
        parts.state.optimizer.step(parts.closure)


UPPER = {  # what a number has to be below, or may be at most
    **dict.fromkeys(("momentum", "inner_momentum"), 1.0),
    **dict.fromkeys(("dampening", "alpha", "kappa"), 1.01),
    "partial": 0.51,
}


def bad_values(option, path, value):
    """Values that a key must not have; a key that is null takes numbers too."""
    name = name_of(path)
    values = [inf, nan] if name in fact(option, "signed", []) else [-1.0, inf, -inf, nan]
    if name == "betas" and path != "betas.2." and (option, path) != ("pnm", "betas.1."):
        values.append(1.0)
    return values + ([UPPER[name]] if name in UPPER and isinstance(value, float) else [])


composed = cache(settings)

NUMBERS = [
    (option, path, bad)
    for option in OPTIONS
    for path, value in plain(composed(option)[0]["optimizer"])
    if isinstance(value, (int, float, type(None))) and not isinstance(value, bool)
    for bad in bad_values(option, path, value)
]


@pytest.mark.parametrize(("option", "path", "bad"), NUMBERS)
def test_it_refuses_a_number_out_of_range(option, path, bad):
    run, stages = copy.deepcopy(composed(option))
    for one in (run, *stages.values()):
        node, keys = one["optimizer"], [int(k) if k.isdigit() else k for k in path.split(".")[:-1]]
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = int(bad) if isinstance(node[keys[-1]], int) and bad == -1 else bad
    with pytest.raises(ValueError, match=name_of(path)):
        check(run, stages)
