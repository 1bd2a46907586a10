from types import SimpleNamespace

import pytest
import torch
from toy import build, same, train, weights
from toy_problems import LeastSquares, X, Y, close, trajectory

from basin.optimizer.asam import adaptive
from basin.optimizer.clip import Clip
from basin.optimizer.koala_m import KoalaM
from basin.optimizer.lookahead import Lookahead
from basin.optimizer.sam import SAM, steepest
from basin.optimizer.sgd import SGD


def sgd(groups, *, weight_decay=5e-4, nesterov=False):
    fields = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": nesterov}
    return SGD(groups, **fields, weight_decay=weight_decay, reset_on_drop=False)


def sam(base, *, rho=0.05, m=None, direction=steepest, ascent_steps=1, decay="base"):
    fields = {"rho": rho, "m": m, "ascent_steps": ascent_steps, "decay": decay}
    return SAM(base=base, direction=direction, **fields, sync_ascent=False)


def koala_m(groups):
    fields = {
        "sw": 0.1,
        "sc": 0.0,
        "sv": 0.1,
        "qw": 0.01,
        "qv": 0.01,
        "adaptive_q": True,
        "r": None,
    }
    return KoalaM(groups, lr=0.5, weight_decay=5e-4, kappa=0.9, **fields)


GOLDEN = {  # after three steps (13-sam, section 7): w1, then w2
    "davda54 SAM": [
        [0.1642592463, 0.1327956697, 0.3276766942],
        [-0.0538524632, 0.6653552611, -0.2323662649],
        [-0.2827859607, 1.2190026270, -0.7258432516],
    ],
    "davda54 ASAM": [
        [0.0869415808, 0.2834131769, -0.0500881576],
        [-0.1696027954, 0.9768329324, -0.8735562362],
        [-0.2952369941, 1.2705532039, -0.8526210640],
    ],
    "L2 in the loss": [
        [0.0508017669, 0.4109085603, 0.0164863048],
        [-0.1744607935, 0.9556458724, -0.4661965001],
        [-0.3148958905, 1.2800186660, -0.5612529165],
    ],
}
MAKE = {
    "davda54 SAM": lambda p: sam(sgd(p.groups)),
    "davda54 ASAM": lambda p: sam(sgd(p.groups), rho=2.0, direction=adaptive),
    "L2 in the loss": lambda p: sam(
        Clip(base=sgd(p.groups, weight_decay=1e-3, nesterov=True), kind="norm", limit=5.0),
        decay="loss",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    problem = LeastSquares()
    found = trajectory(problem, MAKE[name](problem), 3)
    for step, expected in enumerate(GOLDEN[name]):
        assert close(found[step], expected), step


def gradient(w, rows=slice(None)):
    return X[rows].T @ (X[rows] @ w - Y[rows]) / len(Y[rows])


def test_several_ascent_steps_stay_on_the_ball():
    """Against the projected ascent written out, with one momentum step of SGD after it."""
    problem = LeastSquares()
    ((found),) = trajectory(problem, sam(sgd(problem.groups), rho=0.3, ascent_steps=3), 1)
    w = torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64)
    e = torch.zeros(3, dtype=torch.float64)
    for _ in range(3):
        g = gradient(w + e)
        e = e + 0.3 * g / g.norm()
        e = e * min(1.0, 0.3 / float(e.norm()))
    assert close(found, (w - 0.1 * (gradient(w + e) + 5e-4 * w)).tolist())


@pytest.mark.parametrize("m", [1, 2, 3])
def test_chunks_climb_on_their_own(m):
    problem = LeastSquares()
    (found,) = trajectory(problem, sam(sgd(problem.groups), m=m), 1)
    w = torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64)
    total = torch.zeros(3, dtype=torch.float64)
    for start in range(0, 4, m):
        rows = slice(start, min(start + m, 4))
        g = gradient(w, rows)
        total += (rows.stop - rows.start) / 4 * gradient(w + 0.05 * g / g.norm(), rows)
    assert close(found, (w - 0.1 * (total + 5e-4 * w)).tolist())


def test_the_first_pass_moves_the_statistics_and_couples_the_gates():
    problem = LeastSquares()
    sam(sgd(problem.groups)).step(problem)
    first, second = problem.calls
    assert first == {"track_stats": True, "sync": False, "coupled_gates": True}
    assert second["track_stats"] is False and not second["coupled_gates"]


BASES = {
    "sgd": lambda g, m: sgd(g),
    "clip": lambda g, m: Clip(base=sgd(g), kind="norm", limit=0.1),
    "koala_m": lambda g, m: koala_m(g),
    "lookahead": lambda g, m: Lookahead(base=sgd(g), model=m, alpha=0.5, k=3, momentum="none"),
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("switches", [{}, {"m": 16}, {"decay": "base", "ascent_steps": 2}])
def test_rho_0_is_the_base(base, switches):
    plain = build(lambda g, m: (BASES[base](g, m), {}, {}))
    sharp = build(lambda g, m: (sam(BASES[base](g, m), rho=0.0, **switches), {}, {}))
    train(plain)
    train(sharp)
    assert same(weights(plain), weights(sharp))


@pytest.mark.parametrize("base", BASES)
def test_around_any_base_it_is_the_two_passes_written_out(base):
    """With dropout, whose draws both passes share."""
    ours = build(lambda g, m: (sam(BASES[base](g, m), rho=0.1), {}, {}), epochs=2.0)
    train(ours)
    reference = build(lambda g, m: (Reference(BASES[base](g, m), m, 0.1), {}, {}), epochs=2.0)
    train(reference)
    for a, b in zip(weights(ours), weights(reference), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


class Reference:
    """SAM without a wrapper's machinery, one tensor at a time."""

    def __init__(self, base, model, rho):
        self.base, self.model, self.rho, self.state = base, model, rho, {}
        self.param_groups = base.param_groups

    def step(self, closure):
        return self.base.step(Given(self, closure))

    def sharp_gradient(self, closure):
        """Loss and losses at the weights that the base has when it asks."""
        parameters = list(self.model.parameters())
        w = [p.detach().clone() for p in parameters]
        loss, losses = closure(), closure.losses
        length = sum((p.grad**2).sum() for p in parameters) ** 0.5
        for p in parameters:
            p.data += self.rho * p.grad / length
        closure(track_stats=False)
        for p, before in zip(parameters, w, strict=True):
            p.data.copy_(before)
        return loss, losses

    def state_dict(self):
        return {}


class Given(SimpleNamespace):
    """The closure that the base sees."""

    def __init__(self, reference, closure):
        super().__init__(reference=reference, closure=closure)
        self.model, self.size = closure.model, closure.size

    def __call__(self, **switches):
        loss, self.losses = self.reference.sharp_gradient(self.closure)
        return loss


@pytest.mark.parametrize("examples", [2, 8])
def test_chunks_move_the_buffers_as_averaged_replicas_do(examples):
    """m = B / 8 and B / 2: one update of the running statistics by the mean of the chunks'."""
    ours = build(lambda g, m: (sam(sgd(g), m=examples), {}, {}), dropout=0.0)
    twin = build(lambda g, m: (sgd(g), {}, {}), dropout=0.0)
    for parts in (ours, twin):
        parts.closure.resample()
    start = [twin.state.model.bn.running_mean.clone(), twin.state.model.bn.running_var.clone()]
    ours.state.optimizer.step(ours.closure)
    moved = [[], []]
    for chunk in twin.closure.chunks(examples):
        images, bn = chunk.batch.images, twin.state.model.bn
        bn.running_mean.copy_(start[0])
        bn.running_var.copy_(start[1])
        twin.state.model.train()
        twin.state.model(images)
        moved[0].append(bn.running_mean.clone())
        moved[1].append(bn.running_var.clone())
    bn = ours.state.model.bn
    for found, replicas in zip((bn.running_mean, bn.running_var), moved, strict=True):
        torch.testing.assert_close(found, torch.stack(replicas).mean(0), rtol=1e-12, atol=1e-14)
    assert int(bn.num_batches_tracked) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rho": -0.1}, "rho=-0.1 is not 0 or more"),
        ({"m": 0}, "m=0 is less than 1"),
        ({"ascent_steps": 0}, "ascent_steps=0 is less than 1"),
        ({"decay": "both"}, "decay='both' is not one of base, loss"),
    ],
)
def test_what_it_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        sam(sgd(LeastSquares().groups), **fields)


def test_a_group_keeps_a_rho_of_its_own():
    first, second = LeastSquares().model.parameters()
    own = sam(sgd([{"params": [first], "rho": 0.3}, {"params": [second]}]), rho=0.1)
    assert [group["rho"] for group in own.param_groups] == [0.3, 0.1]
    with pytest.raises(ValueError, match=r"rho=-0\.3 is not 0 or more"):
        sam(sgd([{"params": [first], "rho": -0.3}]), rho=0.1)
