import pytest
import torch
from toy_problems import LeastSquares, close, trajectory

from basin.optimizer.koala_m import KoalaM
from basin.optimizer.koala_v import KoalaV


def v(problem, **changes):
    fields = {"lr": 1.0, "weight_decay": 5e-4, "sigma": 0.1, "q": 1.0, "r": None}
    return KoalaV(problem.groups, **{**fields, **changes})


def m(problem, **changes):
    fields = {
        "lr": 1.0,
        "weight_decay": 5e-4,
        "sw": 0.1,
        "sc": 0.0,
        "sv": 0.1,
        "kappa": 0.9,
        "qw": 0.01,
    }
    fields |= {"qv": 0.01, "adaptive_q": True, "r": None}
    return KoalaM(problem.groups, **{**fields, **changes})


GOLDEN_V = [  # w, sigma, R after each step of the authors' code (15-koala, section 6)
    ([-0.0545206936, 0.6686597089, -0.2251930892], 0.248420933651, 4.116328828125),
    ([-0.1129201574, 0.7988610359, -0.1977687477], 1.059746446144, 3.820595359075),
    ([-0.1815783874, 0.9415494748, -0.1249080454], 1.779655833169, 3.508849308743),
]
GOLDEN_M = [  # w; P_00, P_10, P_11; qw; R
    (
        [0.1097728784, 0.2660629382, 0.1944260694],
        [0.1357369353, 0.0519298445, 0.0764352299],
        0.0352466929,
        4.116328828125,
    ),
    (
        [-0.0073164121, 0.5491662922, -0.0701388343],
        [0.3017972594, 0.0973443471, 0.0660472377],
        0.0421420506,
        3.940734858858,
    ),
    (
        [-0.1113883574, 0.7954556445, -0.2307679721],
        [0.5869231834, 0.1400256989, 0.0618218551],
        0.0538427945,
        3.639939181242,
    ),
]


def test_golden_values_of_v():
    problem = LeastSquares()
    optimizer = v(problem)
    for weights, sigma, r in GOLDEN_V:
        optimizer.step(problem)
        assert close(problem.weights(), weights)
        assert close([float(optimizer.filter[k]) for k in ("sigma", "r")], [sigma, r])


def test_golden_values_of_m():
    problem = LeastSquares()
    optimizer = m(problem)
    for weights, covariance, qw, r in GOLDEN_M:
        optimizer.step(problem)
        P = optimizer.filter["P"]
        assert close(problem.weights(), weights)
        assert close([float(P[0, 0]), float(P[1, 0]), float(P[1, 1])], covariance)
        assert close([float(P[0, 1])], [float(P[1, 0])])
        assert close([float(optimizer.filter[k]) for k in ("qw", "r")], [qw, r])


class OneTensor(LeastSquares):
    """The same problem with its three weights in one block."""

    def __init__(self):
        super().__init__()
        self.model.w1 = torch.nn.Parameter(torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64))
        del self.model.w2


def test_without_error_of_the_loss_v_is_the_polyak_step():
    """r = 0, no decay, one block: w -= lr L / |g|^2 g."""
    problem, twin = OneTensor(), OneTensor()
    found = trajectory(problem, v(problem, r=0.0, weight_decay=0.0, lr=0.7), 5)
    (w,) = twin.model.parameters()
    for step in range(5):
        loss = twin()
        w.data -= 0.7 * loss * w.grad / w.grad.square().sum()
        assert close(found[step], twin.weights())


def test_without_velocity_m_is_v():
    """kappa = 0, sv = qv, a fixed qw: v with q = qw + qv."""
    fields = {"weight_decay": 0.0, "lr": 0.8}
    left, right = LeastSquares(), LeastSquares()
    still = {"kappa": 0.0, "sw": 0.1, "sv": 0.02, "qv": 0.02, "qw": 0.03, "adaptive_q": False}
    ours = m(left, **still, **fields)
    plain = v(right, sigma=0.1, q=0.05, **fields)
    pairs = zip(trajectory(left, ours, 5), trajectory(right, plain, 5), strict=True)
    assert all(close(a, b) for a, b in pairs)


def test_a_block_with_a_tiny_gradient_stays():
    class Flat(LeastSquares):
        def __call__(self, **switches):
            loss = super().__call__(**switches)
            self.model.w2.grad.mul_(1e-12)
            return loss

    for make in (v, m):
        problem = Flat()
        optimizer = make(problem, weight_decay=0.1)
        optimizer.step(problem)
        assert problem.weights()[2] == 0.7 and problem.weights()[0] != 0.3
        moved, still = (optimizer.state[p].get("mean") for p in problem.model.parameters())
        assert make is v or (moved.all() and not still.any())  # a_i stays too


@pytest.mark.parametrize("name", ["sigma", "q", "r", "lr", "weight_decay"])
def test_v_refuses_negative_numbers(name):
    with pytest.raises(ValueError, match=f"{name}=-1.0 is not 0 or more"):
        v(LeastSquares(), **{name: -1.0})


def test_m_refuses_a_velocity_that_grows():
    with pytest.raises(ValueError, match="kappa=1.5 is not 0 to 1"):
        m(LeastSquares(), kappa=1.5)


def test_m_takes_its_prediction_back_where_a_pass_fails():
    """Whatever the reason, such as memory: the weights are not left at w + v."""
    problem = LeastSquares()
    fields = {"lr": 0.5, "weight_decay": 0.0, "sw": 0.1, "sc": 0.0, "sv": 0.1, "kappa": 0.9}
    optimizer = KoalaM(problem.groups, **fields, qw=0.01, qv=0.01, adaptive_q=True, r=None)
    optimizer.step(problem)
    before = problem.weights()

    def fails():
        assert problem.weights() != before
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        optimizer.step(fails)
    assert problem.weights() == before
