import pytest
import torch
from toy import build, train
from toy_problems import LeastSquares, X, Y, close, trajectory

from basin.core.clock import Clock
from basin.optimizer.entropy_sgd import EntropySGD
from basin.optimizer.langevin import Langevin
from basin.optimizer.sgd import SGD

FIELDS = {"lr": 0.5, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True, "outer": "momentum"}
FIELDS |= {
    "steps": 5,
    "coupling": "early",
    "inner_lr": 0.1,
    "inner_momentum": 0.9,
    "inner_weight_decay": 1e-4,
}
FIELDS |= {"alpha": 0.75, "noise": 0.0, "gamma": 0.5, "growth": 1e-4, "scale_by_gamma": True}
FIELDS |= {"epochs": 10.0, "clock": Clock(120, 16)}


def entropy(groups, **changes):
    return EntropySGD(groups, **{**FIELDS, **changes})


def test_what_is_spared_from_decay_is_spared_in_the_inner_steps_too():
    problem = LeastSquares()
    first, second = problem.model.parameters()
    groups = [{"params": [first]}, {"params": [second], "weight_decay": 0.0, "spared": True}]
    fields = [group["inner_weight_decay"] for group in entropy(groups).param_groups]
    assert fields == [1e-4, 0.0]


def test_golden_values():
    """Of a public copy of the authors' code (14-entropic, section 8)."""
    problem = LeastSquares()
    found = trajectory(problem, entropy(problem.groups), 3)
    for step, expected in enumerate(
        [
            [0.1092002110, 0.2501596083, 0.3790537917],
            [-0.1026306216, 0.7416716957, 0.0654219939],
            [-0.2962076187, 1.1795395294, -0.1651550093],
        ]
    ):
        assert close(found[step], expected), step


@pytest.mark.parametrize("nesterov", [True, False])
def test_with_one_inner_step_and_no_coupling_it_is_its_outer_sgd(nesterov):
    """lr (1 - alpha) eta_in, and (1 + mom_in) with Nesterov."""
    left, right = LeastSquares(), LeastSquares()
    plain = {"gamma": 0.0, "weight_decay": 0.0, "inner_weight_decay": 0.0}
    ours = entropy(left.groups, steps=1, scale_by_gamma=False, nesterov=nesterov, **plain)
    lr = 0.5 * 0.25 * 0.1 * (1.9 if nesterov else 1.0)
    fields = {"lr": lr, "momentum": 0.9, "dampening": 0.0, "nesterov": nesterov}
    theirs = SGD(right.groups, **fields, weight_decay=0.0, reset_on_drop=False)
    for a, b in zip(trajectory(left, ours, 10), trajectory(right, theirs, 10), strict=True):
        assert close(a, b)


def gradient(w):
    return X.T @ (X @ w - Y) / 4


def test_the_plain_outer_step_goes_towards_the_mean_of_the_particle():
    problem = LeastSquares()
    fields = {"outer": "plain", "steps": 2, "nesterov": False, "gamma": 0.3, "growth": 0.0}
    (found,) = trajectory(problem, entropy(problem.groups, **fields), 1)
    centre = torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64)
    w, mean, v = centre, centre, torch.zeros(3, dtype=torch.float64)
    for _ in range(2):
        v = 0.9 * v + gradient(w) + 0.3 * (w - centre) + 1e-4 * w
        w = w - 0.1 * v
        mean = 0.75 * mean + 0.25 * w
    assert close(found, (centre - 0.5 * 0.3 * (centre - mean)).tolist())


def test_gamma_is_measured_in_the_second_step():
    problem = LeastSquares()
    optimizer = entropy(problem.groups, gamma=None, weight_decay=0.0)
    start = problem.weights()
    found = trajectory(problem, optimizer, 2)
    assert found == [start, start]  # gamma is 0: the centre's rate is lr gamma
    w, v = torch.tensor(start, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for _ in range(5):
        loss = 0.5 * (X @ w - Y).square().mean()
        d = gradient(w) + 1e-4 * w
        v = 0.9 * v + d
        w = w - 0.1 * (d + 0.9 * v)
    distance = (w - torch.tensor(start, dtype=torch.float64)).square().sum()
    assert close([float(optimizer._scoping.measured)], [float(loss / (0.5 * distance))])
    optimizer.step(problem)
    assert problem.weights() != start


def test_gamma_is_measured_once_the_particle_has_moved():
    """It was infinite where all gradients of the second outer step are 0: NaN for good."""
    problem = LeastSquares()
    fields = {"weight_decay": 0.0, "inner_weight_decay": 0.0, "scale_by_gamma": False}
    optimizer = entropy(problem.groups, gamma=None, **fields)
    measured = []
    for still in (False, True, False, False):
        optimizer.step(Still(problem) if still else problem)
        measured.append(float(optimizer._scoping.measured))
    assert measured[:2] == [0.0, 0.0] and 0 < measured[2] < float("inf")
    assert measured[3] == measured[2]
    assert all(p.isfinite().all() for p in problem.model.parameters())


class Still:
    """A closure whose gradients are 0."""

    def __init__(self, closure):
        self._closure = closure

    def __getattr__(self, name):
        return getattr(self._closure, name)

    def __call__(self, **switches):
        loss = self._closure(**switches)
        for p in self._closure.model.parameters():
            p.grad.zero_()
        return loss


def test_gamma_grows_ten_thousandfold_where_its_growth_is_not_given():
    optimizer = entropy(LeastSquares().groups, growth=None)
    updates = 10 * 8 / 5  # epochs, minibatches an epoch, inner steps
    assert (1 + optimizer._scoping.growth) ** updates == pytest.approx(1e4)


def test_a_stage_of_one_step_does_not_let_gamma_overflow():
    """Chained to a long one that keeps its state: gamma stays at ten thousandfold."""
    first, second = (entropy(LeastSquares().groups, growth=None, epochs=n) for n in (0.1, 50.0))
    first._t = 500
    second.load_state_dict(first.state_dict())
    assert second._t == 500 and float(second._scoping.strength(0.5, 500)) == pytest.approx(5e3)


def test_each_inner_step_has_a_minibatch_of_its_own():
    parts = build(lambda g, m: (entropy(g, noise=1e-4), {}, {}), epochs=2.0)
    train(parts)
    counters = parts.state.counters
    assert counters.batches == 5 * counters.step and counters.drawn >= 240
    assert counters.examples == counters.drawn


@pytest.mark.parametrize("nesterov", [False, True])
def test_noise_stays_out_of_the_velocity(nesterov):
    inner = Langevin(lr=0.1, momentum=0.9, nesterov=nesterov, noise=1.0, coupling="early")
    w, centre, v, g = (torch.full((8,), x, dtype=torch.float64) for x in (0.0, 0.0, 0.0, 1.0))
    fields = {"gamma": torch.tensor(0.0), "weight_decay": 0.0, "generator": None}
    inner.move_([w], [g.clone()], [centre], [v], **fields)
    assert torch.equal(v, g) and w.std() > 0


def test_noise_has_its_size():
    problem = LeastSquares()
    optimizer = entropy(problem.groups, steps=1, noise=0.1, nesterov=False, alpha=0.0)
    optimizer.param_groups[0]["momentum"] = 0.0
    torch.manual_seed(0)
    moves = []
    for _ in range(2000):
        for p, value in zip(problem.model.parameters(), ([0.3, -0.2], [0.7]), strict=True):
            p.data.copy_(torch.tensor(value))
        optimizer._t = 0
        optimizer.step(problem)
        moves.append(problem.weights())
    spread = torch.tensor(moves, dtype=torch.float64).std(0)
    expected = 0.5 * 0.5 * 0.1 * 0.1 / (0.05**0.5)  # lr gamma eta_in noise / sqrt(eta_in / 2)
    assert (spread / expected - 1).abs().max() < 0.07


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps=0 is less than 1"),
        ({"outer": "lua"}, "outer='lua' is not one of momentum, plain"),
        ({"alpha": 1.5}, "alpha=1.5 is not 0 or more and less than 1"),
        ({"alpha": 1.0}, "alpha=1.0 is not 0 or more and less than 1"),
        ({"gamma": 0.0}, "gamma=0 with scale_by_gamma=true would move nothing"),
        ({"gamma": -1.0}, "gamma=-1.0 is not 0 or more"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        entropy(LeastSquares().groups, **changes)
