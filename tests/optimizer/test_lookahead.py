import copy

import pytest
import torch
from test_configs import settings_of
from toy import build, same, train, weights
from toy_problems import Drifting, Problem, close, trajectory

from basin.core.parameters import momentum_buffers, reset_momentum_
from basin.experiment.check import check
from basin.optimizer.lookahead import Lookahead, interpolate_
from basin.optimizer.sgd import SGD


def sgd(groups, *, weight_decay=0.0, lr=0.1, reset_on_drop=False):
    fields = {"lr": lr, "momentum": 0.9, "dampening": 0.0, "nesterov": False}
    return SGD(groups, **fields, weight_decay=weight_decay, reset_on_drop=reset_on_drop)


def lookahead(problem, *, alpha=0.5, k=2, momentum="none", weight_decay=0.0):
    base = sgd(problem.groups, weight_decay=weight_decay)
    return Lookahead(base=base, model=problem.model, alpha=alpha, k=k, momentum=momentum)


GOLDEN = {  # after 1, 2, 3 and 6 updates of the authors' code (11-lookahead, section 1)
    "k=5": (
        {"alpha": 0.8, "k": 5, "weight_decay": 1e-3},
        [0.8899, -1.8798, 0.39495],
        [0.68173101, -1.65744202, 0.211375505],
        [0.3961376449, -1.3542819928, -0.0111377791],
        [-0.4187226757, -0.4603303365, -0.3667212722],
    ),
    "k=2": (
        {},
        [0.89, -1.88, 0.395],
        [0.841, -1.829, 0.35575],
        [0.5397, -1.51775, 0.10445],
        [0.0659274, -1.0380058203, -0.1700548],
    ),
    "reset": (
        {"momentum": "reset"},
        [0.89, -1.88, 0.395],
        [0.841, -1.829, 0.35575],
        [0.7269, -1.71755, 0.2696],
        [0.5065836, -1.5226831578, 0.1367216750],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    fields, *expected = GOLDEN[name]
    problem = Drifting()
    found = trajectory(problem, lookahead(problem, **fields), 6)
    for step, values in zip((1, 2, 3, 6), expected, strict=True):
        assert close(found[step - 1], values), step


class Slope(Problem):
    """Constant gradient 1."""

    slope = 1.0

    def __init__(self):
        super().__init__([[0.0]])

    def __call__(self, **switches):
        (w,) = self.model.parameters()
        w.grad = torch.full_like(w, self.slope)
        return w.detach().sum()


def test_pullback_interpolates_with_the_momentum_after_the_meeting_before():
    problem = Slope()
    optimizer = lookahead(problem, momentum="pullback")
    buffers = []
    for _ in range(4):
        optimizer.step(problem)
        (state,) = optimizer.base.state.values()
        buffers.append(float(state["momentum_buffer"]))
    assert close(buffers, [1.0, 0.95, 1.855, 1.80975])  # 11-lookahead, section 4


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_reset_momentum_is_not_pulled_back(drops, resumed):
    """By an average that restarts, or by the base where its rate drops."""

    def made():
        problem = Slope()
        base = sgd(problem.groups, reset_on_drop=drops)
        fields = {"alpha": 0.5, "k": 2, "momentum": "pullback"}
        return problem, Lookahead(base=base, model=problem.model, **fields)

    problem, optimizer = made()
    trajectory(problem, optimizer, 2)
    if drops:
        optimizer.param_groups[0]["lr"] = 0.01
    else:
        reset_momentum_(optimizer)
    if resumed:
        state = copy.deepcopy(optimizer.state_dict())
        problem, optimizer = made()
        optimizer.load_state_dict(state)
    problem.slope = 0.0
    trajectory(problem, optimizer, 4)
    assert [float(buffer) for buffer in momentum_buffers(optimizer)] == [0.0]


def test_alpha_1_is_its_base():
    def method(groups, model):
        return sgd(groups, weight_decay=5e-4), {}, {}

    def around(groups, model):
        base, *rest = method(groups, model)
        return Lookahead(base=base, model=model, alpha=1.0, k=5, momentum="none"), *rest

    plain, wrapped = build(method), build(around)
    train(plain)
    train(wrapped)
    assert same(weights(plain), weights(wrapped))


def test_slow_weights_are_a_solution_with_the_live_buffers():
    def around(groups, model):
        optimizer = Lookahead(base=sgd(groups), model=model, alpha=0.5, k=3, momentum="none")
        return optimizer, {}, {}

    parts = build(around, epochs=0.5)  # 4 updates: one after the first meeting
    start = copy.deepcopy(parts.state.model)
    around = train(parts)
    live, optimizer = parts.state.model, parts.state.optimizer
    ((name, module),) = optimizer.predictors(parts.closure.input.batches)
    assert name == "slow" and set(around.sink.lines[-1]["solutions"]) == {"last", "slow"}
    assert same(list(module.buffers()), list(live.buffers()))
    assert same(list(module.parameters()), optimizer.slow)
    for slow, fast, first in zip(
        module.parameters(), live.parameters(), start.parameters(), strict=True
    ):
        assert not torch.equal(slow, fast) and not torch.equal(slow, first)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 1.5}, "alpha=1.5 is not 0 to 1"),
        ({"k": 0}, "k=0 is less than 1"),
        ({"momentum": "keep"}, "momentum='keep' is not one of none, reset, pullback"),
    ],
)
def test_what_it_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        lookahead(Drifting(), **fields)


def test_a_sphere_is_not_left():
    settings = ["dataset=digits", "model=convnet_si", "optimizer=lookahead"]
    with pytest.raises(ValueError, match="around sphere leaves the sphere"):
        check(*settings_of(*settings, "optimizer@optimizer.base=sphere"))
    check(*settings_of(*settings[:2], "optimizer=sphere", "optimizer@optimizer.base=lookahead"))


def test_large_weights_meet_in_parts_whatever_their_shape_and_layout(monkeypatch):
    monkeypatch.setattr("basin.optimizer.lookahead.CACHED", 50)
    shapes = [(7, 3, 5, 5), (), (0, 4), (200,), (2, 2), (1, 300), (3,)]
    fast = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    fast[0] = fast[0].contiguous(memory_format=torch.channels_last)
    slow = [torch.randn_like(tensor) for tensor in fast]
    expected = [s + 0.3 * (f - s) for f, s in zip(fast, slow, strict=True)]
    interpolate_(fast, slow, 0.3)
    for f, s, wanted in zip(fast, slow, expected, strict=True):
        assert torch.equal(f, s) and torch.allclose(s, wanted, rtol=1e-14, atol=1e-14)
