"""Limited-memory SR1 against the dense recursion, and the trust-region subproblem's conditions."""

import numpy as np
import pytest
import torch

from basin.optimizer.lsr1 import Products, usable
from basin.optimizer.pairs import Pairs
from basin.optimizer.subproblem import minimiser

SIZE = 7


def symmetric(seed, lowest, highest):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
    return basis @ np.diag(np.linspace(lowest, highest, SIZE)) @ basis.T


def pairs_of(hessian, num, *, gamma, seed=1):
    pairs = Pairs(memory=num, gamma=gamma)
    steps = torch.from_numpy(np.random.default_rng(seed).standard_normal((num, SIZE)))
    for step in steps:
        pairs.add(step, torch.from_numpy(hessian) @ step)
    return pairs


def dense(pairs, gamma):
    """B by the recursion B + r r^T / r^T s, r = y - B s (Nocedal and Wright, 6.24)."""
    b = gamma * np.eye(SIZE)
    for s, y in zip(pairs.steps, pairs.changes, strict=True):
        r = y.numpy() - b @ s.numpy()
        b = b + np.outer(r, r) / (r @ s.numpy())
    return b


@pytest.mark.parametrize(("lowest", "highest"), [(0.5, 4.0), (-3.0, 4.0), (-4.0, -0.5)])
@pytest.mark.parametrize("radius", [0.01, 0.7, 50.0])
def test_the_step_is_the_minimiser_of_the_dense_model_in_the_ball(lowest, highest, radius):
    """Conn, Gould and Toint 2000, 7.2: (B + c) s = -g, B + c >= 0, c >= 0, c (|s| - r) = 0."""
    pairs = pairs_of(symmetric(0, lowest, highest), 4, gamma=1.3)
    gradient = torch.from_numpy(np.random.default_rng(2).standard_normal(SIZE))
    b = dense(pairs, 1.3)
    step, predicted = pairs.propose(gradient, radius)
    s, g = step.numpy(), gradient.numpy()
    assert predicted == pytest.approx(-g @ s - s @ b @ s / 2, rel=1e-10)
    assert np.linalg.norm(s) <= radius * (1 + 1e-12)
    sigma = -(s @ (b @ s + g)) / (s @ s)
    np.testing.assert_allclose(b @ s + sigma * s, -g, atol=1e-8 * np.linalg.norm(g))
    assert sigma >= -1e-9 and np.linalg.eigvalsh(b)[0] + sigma >= -1e-9
    assert sigma < 1e-8 or np.linalg.norm(s) == pytest.approx(radius, rel=1e-10)


def test_a_quadratic_is_known_after_as_many_pairs_as_it_has_directions():
    hessian = symmetric(0, 0.5, 4.0)
    pairs = pairs_of(hessian, SIZE, gamma=None)
    gradient = torch.ones(SIZE, dtype=torch.float64)
    step, _ = pairs.propose(gradient, 1e3)
    np.testing.assert_allclose(step, np.linalg.solve(hessian, -gradient.numpy()), rtol=1e-7)


def test_the_hard_case_goes_along_the_lowest_curvature():
    """The lowest curvature is negative and has no slope: s is completed to the sphere."""
    step = minimiser(np.array([-1.0, 2.0]), np.array([0.0, 3.0]), 2.0)
    assert step[1] == pytest.approx(-1.0) and abs(step[0]) == pytest.approx(np.sqrt(3.0))


def test_a_pair_that_tells_nothing_new_is_dropped():
    pairs, twin = (pairs_of(symmetric(0, 0.5, 4.0), 3, gamma=1.0) for _ in range(2))
    pairs._memory = 4
    pairs.add(pairs.steps[0], pairs.changes[0])  # y = B s
    gradient = torch.ones(SIZE, dtype=torch.float64)
    assert torch.allclose(*(p.propose(gradient, 0.5)[0] for p in (pairs, twin)), atol=1e-12)
    assert len(pairs.steps) == 3


def test_curvature_along_the_base_is_no_update():
    """s^T (y - B s) = 0 with y != B s: SR1's denominator; Nocedal and Wright, 6.26."""
    s, y = np.array([1.0, 0.0]), np.array([1.0, 2.0])
    rows = np.stack([s, y, np.ones(2)])
    assert usable(Products(rows @ rows.T), 1.0) == []
    assert usable(Products(rows @ rows.T), 0.5) == [0]


def test_memory_keeps_the_newest_pairs():
    pairs = pairs_of(symmetric(0, 0.5, 4.0), 6, gamma=1.0)
    kept = pairs.steps[-2:]
    shorter = Pairs(memory=2, gamma=1.0)
    for s, y in zip(pairs.steps, pairs.changes, strict=True):
        shorter.add(s, y)
    assert all(torch.allclose(a, b) for a, b in zip(shorter.steps, kept, strict=True))
    shorter.clear()
    step, predicted = shorter.propose(torch.tensor([3.0, 4.0], dtype=torch.float64), 1.0)
    torch.testing.assert_close(step, torch.tensor([-0.6, -0.8], dtype=torch.float64))
    assert predicted == pytest.approx(5.0 - 0.5)  # gamma |s|^2 / 2 is taken from g^T s


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_no_number_proposes_nothing(value):
    step, predicted = Pairs(memory=2, gamma=1.0).propose(torch.tensor([value, 1.0]), 1.0)
    assert predicted == 0 and not step.any()
