"""RMTR: what a V-cycle keeps on every level, what it costs, and how its minibatches grow."""

from functools import cache

import pytest
import torch
from test_configs import overrides_of, settings_of
from test_optimizer_contract import make
from toy import NUM, same, train, train_with_kill, weights
from toy import build as toy

from basin.core.clock import Clock
from basin.experiment import build
from basin.model.euler_resnet import EulerResNet
from basin.optimizer.hierarchy import Below
from basin.optimizer.level import Terms
from basin.optimizer.sweep import SampleSize, minibatches
from basin.optimizer.trust_region import Rule, Visit
from basin.optimizer.v_cycle import VCycle


def network(norm="none", nodes=9):
    return lambda: EulerResNet(
        **{"num_classes": 3, "in_channels": 1, "widths": [4], "nodes": nodes, "horizon": 1.0},
        **{"last_node": False, "norm": norm, "kernel": 3, "activation": "tanh"},
        **{"conv_init": "default", "linear_init": "default"},
    )


@cache
def composed(*overrides):
    _, stages = settings_of(*overrides_of("optimizer", "rmtr"), "schedule=constant", *overrides)
    (stage,) = stages.values()
    return stage


def built(*overrides, levels=3, norm="none", batch_size=NUM, **run):
    """All examples in every evaluation, unless told otherwise."""
    stage, clock = composed(f"optimizer.levels={levels}", *overrides), Clock(NUM, batch_size)
    run |= {"model": network(norm), "batch_size": batch_size}
    return toy(lambda groups, model: build.method(stage, model, clock), **run)


def step(parts):
    parts.closure.resample()
    return float(parts.state.optimizer.step(parts.closure))


@pytest.mark.parametrize("overrides", [[], ["optimizer.weighted=true"], ["weight_decay=0.01"]])
def test_a_coarse_objective_begins_with_the_restricted_gradient(monkeypatch, overrides):
    """First-order consistency: grad h_c(Pi w) = R grad h(w), by backward on either level."""
    found = []

    def correct(cycle, visit, way, further):
        fine = visit.level.value(visit.closure, visit.terms).gradient
        seen = len(found)
        found.append(None)
        begun = []
        smooth = Visit.smooth

        def first(inside, steps):
            if inside.level is way.level and not begun:
                begun.append(inside.level.value(inside.closure, inside.terms).gradient)
                torch.testing.assert_close(inside.point, way.projected(visit.point))
            smooth(inside, steps)

        monkeypatch.setattr(Visit, "smooth", first)
        original(cycle, visit, way, further)
        monkeypatch.setattr(Visit, "smooth", smooth)
        found[seen] = (begun[0], way.restricted(fine))

    original = VCycle._correct
    monkeypatch.setattr(VCycle, "_correct", correct)
    parts = built(*overrides)
    for _ in range(2):
        step(parts)
    assert len(found) >= 3  # of both ways
    for gradient, restricted in found:
        torch.testing.assert_close(gradient, restricted, rtol=1e-12, atol=1e-14)


def test_a_prolonged_step_never_exceeds_the_radius(monkeypatch):
    shares, radii = [], []
    correct, prolonged = VCycle._correct, Below.prolonged

    def correcting(cycle, visit, way, further):
        radii.append(visit.radius)
        correct(cycle, visit, way, further)
        radii.pop()

    def measured(way, move):
        result = prolonged(way, move)
        shares.append(float(result.norm()) / radii[-1])
        return result

    monkeypatch.setattr(VCycle, "_correct", correcting)
    monkeypatch.setattr(Below, "prolonged", measured)
    parts = built("lr=0.5", "optimizer.coarsest=8")
    for _ in range(12):
        step(parts)
    assert len(shares) > 12 and max(shares) <= 1
    assert max(shares) > 0.8  # the room is used: without |I| it would have been too much


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_objective_on_all_examples_never_rises(levels, decay):
    parts, values = built(f"weight_decay={decay}", levels=levels), []
    for _ in range(15):
        step(parts)
        loss = float(parts.closure(backward=False))
        values.append(loss + decay / 2 * float(weights_of(parts.state.model).square().sum()))
    assert all(b <= a + 1e-13 for a, b in zip(values, values[1:], strict=False))
    assert values[-1] < 0.9 * values[0]


def test_a_first_step_by_hand():
    """B = I before there is a pair: s = -g within the radius, then along -g to its border."""
    for lr in (10.0, 0.01):
        parts = built(f"lr={lr}", "optimizer.pre=1", "optimizer.post=0", levels=1)
        before = [p.detach().clone() for p in parts.state.model.parameters()]
        parts.closure.resample()
        parts.closure()
        gradient = torch.cat([p.grad.flatten() for p in parts.state.model.parameters()])
        parts.state.optimizer.step(parts.closure)
        after = parts.state.model.parameters()
        moved = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)])
        length = min(1.0, lr / float(gradient.norm()))
        torch.testing.assert_close(moved.detach(), -length * gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("ratio", "factor"),
    [(-1.0, 0.5), (0.05, 0.5), (0.1, 1.0), (0.75, 1.0), (0.8, 2.0), (float("nan"), 0.5)],
)
def test_the_radius_answers_to_the_ratio(ratio, factor):
    assert Rule(accept=0.1, expand=0.75, shrink=0.5, grow=2.0).factor(ratio) == factor


def test_work_is_counted_by_nodes():
    """9 and 5 nodes: 1 + pre + (1 + coarsest) 5/9 + trial + post gradients of the finest."""
    parts = built("optimizer.pre=1", "optimizer.post=1", "optimizer.coarsest=4", levels=2)
    step(parts)
    assert parts.state.optimizer.describe()["work_units"] == pytest.approx(4 + 5 * 5 / 9)
    assert parts.state.counters.examples == 9 * NUM
    line = train(built(levels=2, epochs=1.0)).sink.lines[-1]
    assert line["work_units"] == pytest.approx(4 + 5 * 5 / 9)


class Watched:
    """A closure that writes down what is asked of it."""

    def __init__(self, closure):
        self._closure, self.calls, self.minibatches = closure, [], []

    def __getattr__(self, name):
        return getattr(self._closure, name)

    def resample(self, *arguments, **keywords):
        self._closure.resample(*arguments, **keywords)
        self.minibatches.append((self._closure.batch.stream, self._closure.batch.numbers.tolist()))

    def __call__(self, **switches):
        loss = self._closure(**switches)
        self.calls.append((len(self.minibatches), switches))
        return loss


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_every_evaluation_of_a_cycle_is_the_same_function():
    """With BN: one minibatch, whose statistics normalise, and the running ones move once."""
    parts = built(norm="batch", batch_size=40)
    watched, model = Watched(parts.closure), parts.state.model
    still = [b.clone() for way in parts.state.optimizer._ways for b in way.level.model.buffers()]
    watched.resample()
    parts.state.optimizer.step(watched)
    gradients = [call for call in watched.calls if call[1].get("backward", True)]
    for number in (1, 2, 3, 4):  # of 40 + 36 + 36 + 8 new examples
        first, *others = [call for call in gradients if call[0] == number]
        assert first[1]["track_stats"] and others
        assert not any(call[1]["track_stats"] for call in others)
    assert {int(b) for b in model.buffers() if b.ndim == 0} == {4}
    moved = [b for way in parts.state.optimizer._ways for b in way.level.model.buffers()]
    assert same(still, moved)


def test_minibatches_of_a_pass_overlap_and_see_every_example_once():
    parts = make("sgd")
    watched = Watched(parts.closure)
    watched.resample()
    for _ in minibatches(watched, 50, 0.2, NUM):
        pass
    *_, second, third = (numbers for _, numbers in watched.minibatches)
    assert [len(n) for _, n in watched.minibatches] == [16, 50, 50, 50]
    assert watched.minibatches[1][1] == list(range(50)) and second == list(range(40, 90))
    assert third == list(range(70, 120)) and parts.closure.input.t == 1.0


SAMPLE = SampleSize(overlap=0.1, growth=2.0, zeta=0.25)


@pytest.mark.parametrize(
    ("size", "ratio", "after"),
    [(16, 0.24, 32), (16, 0.25, 16), (16, -1.0, 32), (16, 2.0, 16), (100, 0.1, 120)],
)
def test_minibatches_grow_only_where_the_global_ratio_is_low(size, ratio, after):
    assert SAMPLE.after(size, ratio, NUM) == after
    assert SampleSize(overlap=0.1, growth=2.0, zeta=None).after(size, ratio, NUM) == size


def test_the_global_ratio_is_that_of_all_examples():
    parts = built("optimizer.sample.zeta=1e9", levels=2, batch_size=60)
    optimizer, model = parts.state.optimizer, parts.state.model
    gained, cycle = [], type(optimizer)._minibatch
    before = weights_of(model)
    optimizer._minibatch = lambda closure: gained.append(cycle(optimizer, closure)) or gained[-1]
    step(parts)
    assert optimizer.describe()["sample_size"] == NUM  # 60, doubled
    assert not optimizer._finest.pairs.steps  # SR1 begins anew
    losses = []
    parts.closure.resample(size=NUM, stream=1)
    for point in (before, weights_of(model)):
        torch.nn.utils.vector_to_parameters(point, model.parameters())
        losses.append(float(parts.closure(backward=False)))
    measured = (losses[0] - losses[1]) / sum(decrease for _, decrease in gained)
    assert optimizer.describe()["global_ratio"] == pytest.approx(measured, rel=1e-9)
    step(parts)
    assert optimizer._finest.pairs.steps


@pytest.mark.parametrize("zeta", ["0.0", "null"])
def test_minibatches_stay_where_the_ratio_is_high_or_not_asked_for(zeta):
    parts = built(f"optimizer.sample.zeta={zeta}", levels=2, batch_size=60)
    step(parts)
    told = parts.state.optimizer.describe()
    assert told["sample_size"] == 60
    assert ("global_ratio" in told) is (zeta == "0.0")


@pytest.mark.parametrize("norm", ["none", pytest.param("batch", marks=pytest.mark.slow)])
def test_three_levels_resume_bitwise_in_the_middle(norm):
    """Stopped before, at and after the pass in which minibatches grow."""
    words = ["optimizer.sample.zeta=1.0", "optimizer.batch=48"]
    run = {"norm": norm, "batch_size": 16, "epochs": 6.0}
    whole = built(*words, **run)
    train(whole)
    state = whole.state.optimizer.state_dict()
    assert whole.state.optimizer.describe()["sample_size"] > 48
    for stop in (1, 4):
        parts = train_with_kill(lambda: built(*words, **run), stop)
        assert same(weights(whole), weights(parts))
        other = parts.state.optimizer.state_dict()
        assert other["progress"] == state["progress"]
        for mine, theirs in zip(other["pairs"], state["pairs"], strict=True):
            assert same(mine["steps"], theirs["steps"])
            assert same(mine["changes"], theirs["changes"])


def test_decay_spares_what_its_group_spares():
    parts = built("weight_decay=0.5")
    optimizer, model = parts.state.optimizer, parts.state.model
    spared = [p for n, p in model.named_parameters() if n.endswith("bias")]
    optimizer.param_groups = [
        {**optimizer.param_groups[0], "params": [p for p in model.parameters() if p.ndim > 1]},
        {**optimizer.param_groups[0], "params": spared, "weight_decay": 0.0, "spared": True},
    ]
    decay = optimizer._finest.decay(optimizer.param_groups)
    named = optimizer._finest.named(decay)
    assert all(bool((v == (0.0 if n.endswith("bias") else 0.5)).all()) for n, v in named.items())
    point = optimizer._finest.weights
    gradient = Terms(decay).gradient(point)
    torch.testing.assert_close(gradient, decay * point)


def test_lookahead_around_it_meets_and_resumes():
    def looking():
        words = ["optimizer@optimizer.base=rmtr", "optimizer.base.levels=3", "optimizer.k=2"]
        return make("lookahead", *words, model=network(), batch_size=NUM, epochs=5.0)

    whole = looking()
    train(whole)
    assert same(weights(whole), weights(train_with_kill(looking, 3)))
    assert whole.state.optimizer.base.describe()["work_units"] > 5


AROUND = ["optimizer@optimizer.base=rmtr", "optimizer.base.levels=1"]
REFUSED = [
    ("rmtr", ["optimizer.levels=2"], "levels=2: a Net has no coarser levels; take model=euler"),
    ("rmtr", ["optimizer.batch=121"], "batch=121 is more than the 120 training images"),
    ("rmtr", ["optimizer.batch=8"], "batch=8 is less than batch_size=16"),
    ("rmtr", ["optimizer.pre=0"], "pre=0, post=0 and coarsest=4 .* are no step .* levels=1"),
    ("rmtr", ["optimizer.smallest=2"], "smallest=2 and largest=100.0 must have 1 between"),
    ("rmtr", ["optimizer.rule.expand=0.05"], "expand=0.05 is below accept=0.1"),
    ("rmtr", ["optimizer.rule.grow=0.9"], "grow=0.9 is less than 1"),
    ("rmtr", ["optimizer.sample.growth=1.0"], "growth=1.0 must be above 1"),
    ("sam", AROUND, "sam around rmtr: rmtr takes a step only where"),
    ("asam", AROUND, "sam around rmtr"),
    ("clip", AROUND, "clip around rmtr"),
    ("centralise", AROUND, "centralise around rmtr"),
]


@pytest.mark.parametrize(("option", "overrides", "message"), REFUSED)
def test_what_cannot_be_is_refused_where_it_is_built(option, overrides, message):
    with pytest.raises(ValueError, match=message):
        make(option, *overrides)


def test_a_depth_that_cannot_be_halved_so_often_is_refused():
    with pytest.raises(ValueError, match="levels=5 are too many: at level 4, nodes=2 cannot"):
        built(levels=5)
