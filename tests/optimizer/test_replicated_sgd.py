import copy
from functools import partial

import pytest
import torch
from torch import nn
from toy import build, same, train, weights
from toy import sgd as toy_sgd
from toy_problems import X, Y, close

from basin.core.clock import Clock
from basin.optimizer.replicas import MeanLogits, shuffle_, write_mean_
from basin.optimizer.replicated_sgd import ReplicatedSGD

FIELDS = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0, "replicas": 3}
FIELDS |= {"gamma": 0.25, "growth": 0.0, "coupling_every": 1, "independent": True}
FIELDS |= {"scale_lr": True, "decay_times_replicas": False, "reestimate": False, "epochs": 10.0}


def replicated(groups, model, **changes):
    return ReplicatedSGD(groups, model, Clock(120, 16), **{**FIELDS, **changes})


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3, dtype=torch.float64))


class Toy:
    """Every replica sees the four samples of the toy problem."""

    def __init__(self):
        self.model, self.streams = Linear(), []

    def resample(self, stream=0):
        self.streams.append(stream)

    def evaluate(self, model):
        loss = 0.5 * (X @ model.w - Y).square().mean()
        model.zero_grad()
        loss.backward()
        return loss.detach()


PLACES = [[0.3, -0.2, 0.7], [0.1, 0.0, 0.5], [-0.2, 0.4, 0.6]]


def placed(toy, **changes):
    optimizer = replicated([{"params": list(toy.model.parameters())}], toy.model, **changes)
    for replica, place in zip(optimizer.replicas, PLACES, strict=True):
        replica.w.data.copy_(torch.tensor(place, dtype=torch.float64))
    write_mean_(optimizer.replicas, toy.model)
    return optimizer


def test_golden_gradients():
    """14-entropic, section 8: theirs are of the mean over replicas, a third of each replica's."""
    toy = Toy()
    optimizer = placed(toy, lr=1.0, momentum=0.0, nesterov=False)
    loss = optimizer.step(toy)
    assert close([float(loss)], [3.0233333333]) and toy.streams == [1, 2]
    expected = [
        [0.4784722222, -1.1215277778, 1.2104166667],
        [0.3076388889, -0.8965277778, 0.8854166667],
        [0.1180555556, -0.6236111111, 0.8041666667],
    ]
    for replica, place, third in zip(optimizer.replicas, PLACES, expected, strict=True):
        moved = (torch.tensor(place, dtype=torch.float64) - replica.w.detach()) / 3
        assert (moved - torch.tensor(third, dtype=torch.float64)).abs().max() < 1e-9
    centre = torch.stack([r.w.detach() for r in optimizer.replicas]).mean(0)
    assert torch.equal(toy.model.w.detach(), centre)


def test_gamma_is_measured_where_it_is_not_given():
    toy = Toy()
    optimizer = placed(toy, gamma=None, coupling_every=2)
    optimizer.step(toy)
    # the mean loss 3.0233.. over the mean squared distance .1111..
    assert float(optimizer._scoping.measured) == pytest.approx(3.0233333333 / 0.1111111111)


def test_couplings_that_are_rare_are_stronger_and_begin_every_epoch():
    """8 steps an epoch, coupled at the first, fourth and seventh, three times as strong."""
    toy = Toy()
    optimizer = placed(toy, coupling_every=3, momentum=0.0, nesterov=False, lr=0.0)
    pulls = []
    for _ in range(16):
        optimizer.step(toy)
        w = optimizer.replicas[0].w
        pull = w.grad - X.T @ (X @ w.detach() - Y) / 4
        pulls.append(float((pull / (w.detach() - toy.model.w.detach())).mean()))
    epoch = [2 * 0.25 * 3, 0, 0] * 2 + [2 * 0.25 * 3, 0]
    assert pulls == pytest.approx(epoch * 2, abs=1e-9)


@pytest.mark.parametrize(
    ("scale_lr", "times", "rate", "decay"),
    [(True, True, 0.1, 0.3), (True, False, 0.1, 0.1), (False, True, 0.1 / 3, 0.3)],
)
def test_switches_of_rate_and_decay(scale_lr, times, rate, decay):
    toy = Toy()
    changes = {"gamma": 0.0, "momentum": 0.0, "nesterov": False, "weight_decay": 0.1}
    optimizer = placed(toy, scale_lr=scale_lr, decay_times_replicas=times, **changes)
    optimizer.step(toy)
    for replica, place in zip(optimizer.replicas, PLACES, strict=True):
        w = torch.tensor(place, dtype=torch.float64)
        expected = w - rate * (X.T @ (X @ w - Y) / 4 + decay * w)
        assert (replica.w.detach() - expected).abs().max() < 1e-9


def test_gamma_grows_by_epochs():
    toy = Toy()
    optimizer = placed(toy, growth=1.0, momentum=0.0, nesterov=False, lr=0.0)
    pulls = []
    for _ in range(17):  # 8 steps an epoch
        optimizer.step(toy)
        replica = optimizer.replicas[0]
        w = replica.w.detach()
        pulls.append(float((replica.w.grad - X.T @ (X @ w - Y) / 4).norm()))
    first = pulls[0]
    assert pulls == pytest.approx([first] * 8 + [2 * first] * 8 + [4 * first])


def test_one_replica_is_sgd():
    one = partial(replicated, replicas=1, weight_decay=5e-4)
    ours = build(lambda g, m: (one(g, m), {}, {}))
    plain = build(lambda g, m: (toy_sgd(g), {}, {}))
    train(ours)
    train(plain)
    assert same(weights(ours), weights(plain))


def test_replicas_begin_apart_or_together():
    torch.manual_seed(0)
    for independent in (True, False):
        parts = build(lambda g, m, i=independent: (replicated(g, m, independent=i), {}, {}))
        first, second, third = (r.conv.weight for r in parts.state.optimizer.replicas)
        assert torch.equal(first, second) is not independent
        for other in (second, third):
            assert torch.equal(first.flatten().sort().values, other.flatten().sort().values)


def test_shuffling_keeps_the_numbers_of_each_tensor():
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    before = copy.deepcopy(model)
    shuffle_(model)
    for p, q in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(p.flatten().sort().values, q.flatten().sort().values)
    assert not torch.equal(model[0].weight, before[0].weight)


def test_solutions_are_the_ensemble_and_the_centre_with_fresh_statistics():
    parts = build(lambda g, m: (replicated(g, m, reestimate=True), {}, {}), epochs=2.0)
    line = train(parts).sink.lines[-1]
    assert set(line["solutions"]) == {"last", "replicas", "centre"}
    optimizer = parts.state.optimizer
    images = torch.randn(4, 1, 6, 6, dtype=torch.float64)
    models = [m.eval() for m in optimizer.replicas]
    expected = sum(m(images) for m in models) / 3
    torch.testing.assert_close(MeanLogits(optimizer.replicas).eval()(images), expected)
    counts = {int(r.bn.num_batches_tracked) for r in optimizer.replicas}
    assert counts == {parts.state.counters.step}


def test_epochs_count_per_replica():
    parts = build(lambda g, m: (replicated(g, m), {}, {}), epochs=2.0)
    train(parts)
    assert parts.closure.input.order.cursors == {0: 240, 1: 240, 2: 240}
    assert parts.state.counters.examples == 3 * 240


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicas": 0}, "replicas=0 is less than 1"),
        ({"coupling_every": 0}, "coupling_every=0 is less than 1"),
        ({"gamma": -0.1}, "gamma=-0.1 is not 0 or more"),
    ],
)
def test_what_it_refuses(changes, message):
    model = Linear()
    with pytest.raises(ValueError, match=message):
        replicated([{"params": list(model.parameters())}], model, **changes)


def test_automatic_scoping_goes_on_in_a_stage_that_keeps_the_state():
    """No jump at the edge, no growth beyond the total, whatever the length of the later stage."""
    net = Linear()
    groups = [{"params": list(net.parameters())}]
    first, second = (replicated(groups, net, growth=None, epochs=n) for n in (4.0, 1.0))
    factors = [float(first._scoping.strength(1.0, epoch)) for epoch in range(9)]
    assert factors[:4] == pytest.approx([1, 10, 100, 1e3]) and factors[4:] == [factors[4]] * 5
    assert factors[4] == pytest.approx(1e4)
    second.load_state_dict(first.state_dict())
    assert [float(second._scoping.strength(1.0, epoch)) for epoch in range(9)] == factors
    given = replicated(groups, net, growth=1.0)
    given.load_state_dict(first.state_dict())
    assert float(given._scoping.strength(1.0, 3)) == 8.0
