"""Wrappers around everything: each acts, or is refused before a step."""

import pytest
import torch
from test_optimizer_contract import make
from toy import same, train, weights
from toy_problems import Drifting

from basin.core.parameters import levels, momentum_buffers, parameter_groups
from basin.core.protocols import Solution
from basin.optimizer.lars import Lars
from basin.optimizer.lookahead import Lookahead
from basin.optimizer.sam import SAM, steepest
from basin.training.loop import restart_

SMALL = ["optimizer.limit=1e-9", "weight_decay=0"]
IN_CLIP = ["optimizer@optimizer.base=replicated_sgd", "optimizer.base.gamma=0.0"]


def moved(option, *overrides):
    """How far two steps go."""
    parts = make(option, *overrides)
    before = [p.detach().clone() for p in parts.state.model.parameters()]
    for _ in range(2):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    after = [p.detach() for p in parts.state.model.parameters()]
    return max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))


def test_clipping_reaches_replicas_and_the_particle():
    assert 0 < moved("clip", *IN_CLIP, *SMALL) < 1e-8 < moved("replicated_sgd", "weight_decay=0")
    particle = ["optimizer@optimizer.base=entropy_sgd", "optimizer.base.noise=0"]
    assert 0 < moved("clip", *particle, *SMALL) < 1e-8


def test_centralisation_reaches_replicas():
    shared = ["optimizer@optimizer.base=replicated_sgd", "optimizer.base.replicas=1"]
    left = make("centralise", *shared, "optimizer.base.gamma=0.0")
    right = make("centralise")
    for parts in (left, right):
        parts.closure.resample()
        parts.state.optimizer.step(parts.closure)
    for a, b in zip(weights(left), weights(right), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


SAM_BASE = "optimizer@optimizer.base=sam"
IN_LOOKAHEAD = "optimizer@optimizer.base="
STILL = [  # bases that carry no momentum from step to step
    [IN_LOOKAHEAD + "torch"],
    [IN_LOOKAHEAD + "entropy_sgd", "optimizer.base.outer=plain"],
    [IN_LOOKAHEAD + "sgdw", "optimizer.base.momentum=0.0"],
    [IN_LOOKAHEAD + "adam", "optimizer.base.betas=[0.0,0.999]"],
    [IN_LOOKAHEAD + "timm", "optimizer.base.name=adafactor"],
    [IN_LOOKAHEAD + "timm", "optimizer.base.name=madgrad"],
]
REFUSED = [
    ("lookahead", ["optimizer@optimizer.base=replicated_sgd"], "lookahead around replicated_sgd"),
    ("sam", ["optimizer@optimizer.base=replicated_sgd"], "sam around replicated_sgd"),
    ("asam", ["optimizer@optimizer.base=replicated_sgd"], "sam around replicated_sgd"),
    ("clip", [SAM_BASE, "optimizer.base.m=4"], "clip around sam with m=4"),
    ("centralise", [SAM_BASE, "optimizer.base.decay=loss"], "centralise around sam with decay"),
    ("sam", [SAM_BASE], "sam around sam"),
    ("sam", ["optimizer@optimizer.base=entropy_sgd", "optimizer.decay=loss"], "inner_weight_decay"),
    *(
        ("sam", [f"optimizer@optimizer.base={base}", "optimizer.decay=loss"], f"={decay}, and as")
        for base, decay in [
            *(("sgdw_normalised", ".* is normalised"), ("adamw_normalised", ".* is normalised")),
            *(("adapnm", ".* is decoupled"), ("pnm", ".* is decoupled")),
            *(("adamw", ".* is decoupled"), ("padamw", ".* is decoupled")),
            *(("lamb", ".* is decoupled"), ("koala_v", ".* is one of KOALA's filter")),
        ]
    ),
    *(
        (name, ["optimizer.eps=0.0"], r"eps=0\.0 is not above 0")
        for name in (
            "adam",
            "amsgrad",
            "adamw",
            "adamw_normalised",
            "nadam",
            "padam",
            "adapnm",
            "lamb",
        )
    ),
    ("sam", ["optimizer.m=5"], "m=5 does not divide the 16 examples"),
    ("sam", ["optimizer.m=32"], "m=32 does not divide the 16 examples"),
    ("lookahead", ["optimizer@optimizer.base=koala_v", "optimizer.momentum=pullback"], "no mom"),
    *(("lookahead", [*base, "optimizer.momentum=reset"], "no momentum") for base in STILL),
    ("sgdw", ["optimizer.momentum=0.0", "optimizer.nesterov=true"], "nesterov=true, momentum=0"),
    ("koala_v", ["optimizer.sigma=0.0", "optimizer.q=0.0"], "sigma=0, q=0"),
    ("sam", ["optimizer.direction.path=basin.optimizer.sam.up"], "basin.optimizer.sam.up"),
    ("sgdw", ["optimizer.cycle_factor=2.0"], "cycle_factor=2.0 without cycle_epochs"),
    ("koala_m", ["optimizer.r=0.0"], "r=0.0 is not above 0"),
    ("koala_m", ["optimizer.sc=0.2"], "sc=0.2 is beyond"),
    ("torch", ["optimizer.name=Rprop", "weight_decay=0.1"], "Rprop has no weight_decay"),
    ("torch", ["+optimizer.arguments.lr=1"], "give lr beside"),
    ("lars", ["optimizer.momentum=0.0", "optimizer.nesterov=true"], "nesterov=true, momentum=0"),
    ("lookahead", ["optimizer.alpha=0.0"], "alpha=0.0 is not above 0"),
    ("replicated_sgd", ["optimizer.gamma=null", "optimizer.independent=false"], "gamma=null"),
    ("timm", ["optimizer.name=adahessian"], "adahessian needs second derivatives"),
    ("timm", ["+optimizer.arguments.lr=1"], "give lr beside"),
    (
        "entropy_sgd",
        ["optimizer.coupling=lua"],
        "coupling='lua' is not one of early, late, late_decay",
    ),
]


@pytest.mark.parametrize(("option", "overrides", "message"), REFUSED)
def test_what_would_not_act_is_refused(option, overrides, message):
    with pytest.raises(ValueError, match=message):
        make(option, *overrides)


COUPLED, NONE = "optimizer.base.decay=coupled", "weight_decay=0.0"


@pytest.mark.parametrize("words", [["sgd"], ["lars"], ["adam"], ["sgdw", COUPLED], ["adamw", NONE]])
def test_decay_in_the_loss_around_what_has_an_l2_term_or_none(words):
    base, *own = words
    assert moved("sam", f"optimizer@optimizer.base={base}", "optimizer.decay=loss", *own) > 0


@pytest.mark.parametrize("m", [1, 8, 16])
def test_chunks_that_divide_the_minibatch_are_taken(m):
    assert moved("sam", f"optimizer.m={m}") > 0


def test_rprop_runs():
    assert moved("torch", "optimizer.name=Rprop") > 0


@pytest.mark.parametrize("overrides", [[], ["weight_decay=0.02"]])
def test_one_weight_decay_is_that_of_the_particle_too(overrides):
    (group,) = make("entropy_sgd", *overrides).state.optimizer.param_groups
    assert group["inner_weight_decay"] == group["weight_decay"] == (0.02 if overrides else 5e-4)


@pytest.mark.parametrize("option", ["lars", "lamb"])
def test_trust_does_not_hang_on_weight_decay(option):
    """A tiny decay and none take nearly the same step; without trust it is another one."""
    steps = [moved(option, f"weight_decay={decay}") for decay in (0.0, 1e-12)]
    assert steps[0] == pytest.approx(steps[1], rel=1e-6)


@pytest.mark.parametrize("name", ["sgdp", "cadafactor"])
def test_the_momentum_of_optimizers_of_timm_is_reset(name):
    """Before any step they have no state, and `defaults` does not tell."""
    overrides = [IN_LOOKAHEAD + "timm", f"optimizer.base.name={name}", "optimizer.k=2"]
    optimizer = (parts := make("lookahead", *overrides, "optimizer.momentum=reset")).state.optimizer
    for moving in (True, False):
        parts.closure.resample()
        optimizer.step(parts.closure)
        assert any(bool(b.any()) for b in momentum_buffers(optimizer)) is moving


def test_one_replica_is_not_coupled_to_itself():
    assert moved("replicated_sgd", "optimizer.replicas=1", "optimizer.gamma=null") < 1


def test_slow_weights_around_slow_weights_are_two_solutions():
    nest = levels(make("lookahead", IN_LOOKAHEAD + "lookahead").state.optimizer)
    found = [dict(level.predictors(None)) for level in nest if isinstance(level, Lookahead)]
    assert [set(one) for one in found] == [{"slow_2"}, {"slow"}]


def test_decay_in_the_loss_leaves_the_trust_of_lars():
    problem = Drifting()
    fields = {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.1}
    fields |= {"coefficient": 0.5, "eps": 0.0, "clip": False, "adapt_spared": False}
    sam = {"rho": 0.0, "m": None, "ascent_steps": 1, "decay": "loss", "sync_ascent": False}
    before = [p.detach().clone() for p in problem.model.parameters()]
    SAM(base=Lars(problem.groups, **fields), direction=steepest, **sam).step(problem)
    for p, start in zip(problem.model.parameters(), before, strict=True):
        length = float((p.detach() - start).norm())
        assert length == pytest.approx(0.05 * float(start.norm()), rel=1e-9)  # lr coefficient |w|


def test_the_spared_are_named_in_their_group():
    net = torch.nn.Linear(3, 2)
    decayed, spared = parameter_groups(net, "no_bias")
    assert not decayed.get("spared") and spared["spared"] and spared["params"] == [net.bias]


@pytest.mark.parametrize("base", ["adamw", "sgd"])
@pytest.mark.parametrize("stop", [3, 4])
def test_pullback_over_states_that_come_late_resumes_bitwise(base, stop):
    """conv.weight has its first gradient in step 4, after a meeting; k = 2."""
    fields = ["optimizer.momentum=pullback", "optimizer.k=2"]
    fields += [f"optimizer@optimizer.base={base}", "lr=0.01"]

    def advance(parts, steps):
        for step in steps:
            parts.closure.resample()
            parts.state.optimizer.step(Late(parts.closure, step))

    whole, first, second = (make("lookahead", *fields) for _ in range(3))
    advance(whole, range(9))
    advance(first, range(stop))
    second.state.optimizer.load_state_dict(first.state.optimizer.state_dict())
    second.state.model.load_state_dict(first.state.model.state_dict())
    for _ in range(stop):
        second.closure.resample()
    advance(second, range(stop, 9))
    assert same(weights(whole), weights(second))
    assert isinstance(whole.state.optimizer, Lookahead)
    caches = [parts.state.optimizer._cached for parts in (whole, second)]
    assert caches[0] and same(*caches)


class Late:
    """A closure without the gradient of conv.weight in the first steps."""

    def __init__(self, closure, step):
        self._closure, self._step = closure, step

    def __call__(self, **switches):
        loss = self._closure(**switches)
        if self._step < 3:
            self._closure.model.conv.weight.grad = None
        return loss


@pytest.mark.parametrize("coupling", ["late", "late_decay"])
def test_a_particle_whose_coupling_is_late(coupling):
    """Chaudhari's inner steps: the coupling, or the decay too, stays out of the velocity."""
    from basin.optimizer.langevin import Langevin

    w, c, v = (torch.tensor([x], dtype=torch.float64) for x in (1.0, 0.4, 0.2))
    inner = Langevin(lr=0.1, momentum=0.9, nesterov=True, noise=0.0, coupling=coupling)
    gradient = [torch.tensor([0.3], dtype=torch.float64)]
    fields = {"gamma": torch.tensor(0.5), "weight_decay": 0.01, "generator": None}
    inner.move_([w], gradient, [c], [v], **fields)
    d, beside = (0.3 + 0.01, 0.5 * 0.6) if coupling == "late" else (0.3, 0.5 * 0.6 + 0.01)
    velocity = 0.9 * 0.2 + d
    assert float(v) == pytest.approx(velocity)
    assert float(w) == pytest.approx(1.0 - 0.1 * (d + 0.9 * velocity + beside))


def test_the_covariance_of_koala_m_begins_where_it_is_told():
    optimizer = make("koala_m", "optimizer.sc=0.05").state.optimizer
    assert optimizer.filter["P"].tolist() == [[0.1, 0.05], [0.05, 0.1]]
    assert moved("koala_m", "optimizer.sc=0.05") != moved("koala_m")


def test_without_timm_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm.optim", None)
    with pytest.raises(ValueError, match="optimizer.name=lion needs timm: pip install"):
        make("timm")


@pytest.mark.slow
def test_entropy_sgd_in_sam_learns():
    lines = train(make("sam", "optimizer@optimizer.base=entropy_sgd", epochs=4.0)).sink.lines
    assert lines[-1]["train"]["loss"] < lines[0]["train"]["loss"]


class Zeros:
    """An averager that hands zero weights back."""

    def __init__(self, model):
        self.solution = Solution([torch.zeros_like(p) for p in model.parameters()], None, False)

    def restart(self, state, batches):
        return self.solution


@pytest.mark.parametrize("option", ["lookahead", "replicated_sgd"])
def test_weights_that_an_average_writes_are_those_of_every_copy(option):
    parts = make(option)
    parts.closure.resample()
    parts.state.optimizer.step(parts.closure)
    parts.state.averagers = {"zeros": Zeros(parts.state.model)}
    restart_(parts.state, parts.closure.input.batches)
    optimizer = parts.state.optimizer
    copies = [optimizer.slow] if option == "lookahead" else map(parameters, optimizer.replicas)
    assert not any(p.any() for p in parts.state.model.parameters())
    assert not any(p.any() for copy in copies for p in copy)


def parameters(model):
    return list(model.parameters())
