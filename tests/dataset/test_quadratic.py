import math

import pytest
import torch

from basin.core.random import CounterDraws
from basin.dataset.quadratic import Quadratic
from basin.dataset.vectors import excess_risk, normal


def quadratic(**changes):
    values = {
        "root": None,
        "spectrum": None,
        "dimension": 6,
        "scale": 2.0,
        "exponent": 1.0,
        "shift": 0.0,
        "rotation": None,
        "optimum": 1.5,
        "noise": 0.0,
        "noise_power": 1.0,
    }
    return Quadratic(**{**values, **changes})


def hessian_of(problem):
    q = problem.directions
    return q.T @ torch.diag(problem.eigenvalues) @ q


def risk(problem, w):
    rows, targets = problem.load().test.fetch(torch.arange(problem.dimension))
    return excess_risk((rows.flatten(1) @ w)[:, None], targets)["excess_risk"]


def gradient(problem, w, draws=None):
    """Of the mean over all training examples of (x w - y)^2 / 2."""
    rows, targets = problem.load().train.fetch(torch.arange(problem.dimension), draws)
    rows = rows.flatten(1)
    return rows.T @ (rows @ w - targets) / problem.dimension


def test_the_power_law():
    assert quadratic(dimension=4).eigenvalues.tolist() == [2.0, 1.0, 2 / 3, 0.5]
    growing = quadratic(dimension=3, scale=0.1, exponent=-1.0, shift=1.0)
    assert growing.eigenvalues.tolist() == pytest.approx([1.1, 1.2, 1.3], rel=1e-15)


@pytest.mark.parametrize("rotation", [None, 3])
def test_risk_and_gradient_are_those_of_the_quadratic(rotation):
    problem = quadratic(rotation=rotation)
    w = torch.linspace(-1, 2, 6, dtype=torch.float64)
    error, hessian = w - 1.5, hessian_of(problem)
    assert risk(problem, w) == pytest.approx((error @ hessian @ error / 2).item(), rel=1e-13)
    torch.testing.assert_close(gradient(problem, w), hessian @ error, rtol=1e-12, atol=1e-13)
    assert risk(problem, torch.full_like(w, 1.5)) < 1e-28


def test_a_rotation_keeps_the_spectrum_and_is_its_seeds():
    problem = quadratic(rotation=3)
    q = problem.directions
    torch.testing.assert_close(q @ q.T, torch.eye(6, dtype=torch.float64))
    assert not torch.equal(q, quadratic(rotation=4).directions)
    assert torch.equal(q, quadratic(rotation=3).directions)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_noise_of_the_gradient_has_the_covariance_that_is_said(power):
    problem = quadratic(dimension=3, rotation=1, noise=0.7, noise_power=power)
    train, num = problem.load().train, 20_000
    indices = torch.arange(3).repeat(num)
    rows, targets = train.fetch(indices, CounterDraws(5, torch.arange(3 * num)))
    rows, targets = rows.flatten(1).view(num, 3, 3), targets.view(num, 3)
    w = torch.full((3,), 1.5, dtype=torch.float64)
    noise = torch.einsum("ned,ne->nd", rows, rows @ w - targets) / 3
    q = problem.directions
    expected = 0.49 * q.T @ torch.diag(problem.eigenvalues**power) @ q
    # a sampled covariance is off by sqrt(2 / num) = 1 % of the largest variance
    torch.testing.assert_close(noise.T.cov(), expected, rtol=0, atol=0.05 * expected.max().item())
    assert noise.mean(0).abs().max() < 5 * (expected.max() / num).sqrt()


def test_evaluation_sees_no_noise_and_a_draw_is_a_function_of_its_number():
    train = quadratic(noise=1.0).load().train
    rows = torch.arange(6)
    clean = train.fetch(rows, None)[1]
    assert torch.equal(clean, quadratic().load().train.labels)
    first, again, later = (
        train.fetch(rows, CounterDraws(0, rows + start))[1] for start in (0, 0, 6)
    )
    assert torch.equal(first, again)
    assert not (first == later).any() and not (first == clean).any()


def test_normal_numbers_have_their_quantiles():
    numbers = normal(CounterDraws(1, torch.arange(100_000)), torch.float64)
    assert numbers.isfinite().all()
    for z, below in ((-1.0, 0.158655), (0.0, 0.5), (2.0, 0.977250)):
        share = (numbers < z).double().mean().item()
        assert abs(share - below) < 4 * math.sqrt(below * (1 - below) / 100_000)


def test_gradient_descent_contracts_each_direction_exactly():
    problem, lr, w = quadratic(), 0.3, torch.zeros(6, dtype=torch.float64)
    for _ in range(10):
        w = w - lr * gradient(problem, w)
    contraction = (1 - lr * problem.eigenvalues) ** 10
    torch.testing.assert_close(w - 1.5, -1.5 * contraction, rtol=1e-12, atol=1e-15)


def test_a_spectrum_from_a_file_is_its_quantiles(tmp_path):
    (tmp_path / "density.txt").write_text("2.0 0.5\n-0.1 0.25\n0.0 0.25\n")
    problem = quadratic(root=str(tmp_path), spectrum="density.txt", dimension=4, shift=0.5)
    assert problem.eigenvalues.tolist() == pytest.approx([0.5, 0.6, 2.5, 2.5])
    (tmp_path / "plain.txt").write_text("3\n1\n2\n")
    plain = quadratic(root=str(tmp_path), spectrum="plain.txt", dimension=3)
    assert plain.eigenvalues.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension": 0}, "dimension=0"),
        ({"noise": -1.0}, "noise=-1"),
        ({"scale": -1.0}, r"smallest eigenvalue is -1.*dataset\.scale=-1"),
        ({"spectrum": "none.txt"}, "there is no file"),
        ({"spectrum": "three.txt"}, "3 columns"),
        ({"spectrum": "words.txt"}, "cannot be read"),
        ({"spectrum": "massless.txt"}, "no mass"),
        ({"spectrum": "zero.txt"}, r"smallest eigenvalue is 0.*dataset\.shift"),
    ],
)
def test_bad_values_are_named(tmp_path, changes, words):
    (tmp_path / "three.txt").write_text("1 2 3\n")
    (tmp_path / "words.txt").write_text("a b\n")
    (tmp_path / "massless.txt").write_text("1 0\n2 0\n")
    (tmp_path / "zero.txt").write_text("0 1\n2 1\n")
    with pytest.raises(ValueError, match=words):
        quadratic(root=str(tmp_path), **changes)
