"""Flatness of quadratics, whose Hessian is known, and what it does not depend on."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from basin.analysis.flatness import KINDS, local_energy, sharpness
from basin.analysis.landscape import Landscape
from basin.analysis.points import SCORES
from basin.analysis.slices import line_slice, plane_slice, rays
from basin.analysis.vectors import put_, weights_of

SIZE = 6
EIGENVALUES = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.25, 0.25], dtype=torch.float64)
START = torch.tensor([1.0, -1.0, 0.5, 2.0, 0.0, 1.0], dtype=torch.float64)


class Quadratic(nn.Module):
    """Logits x . w: with losses of half their square the Hessian is the mean of x x'."""

    def __init__(self, start):
        super().__init__()
        self.w = nn.Parameter(start.clone())

    def forward(self, x):
        return (x @ self.w)[:, None]


def half_square(logits, targets):
    return 0.5 * logits[:, 0] ** 2


def quadratic():
    """Two batches of rows; their mean of x x' is diagonal with EIGENVALUES."""
    rows = torch.diag((SIZE * EIGENVALUES).sqrt())
    labels = torch.zeros(SIZE, dtype=torch.int64)
    return lambda: zip(rows.split([4, 2]), labels.split([4, 2]), strict=True)


def classifier():
    torch.manual_seed(2)
    model = nn.Sequential(
        *(nn.Conv2d(1, 3, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3, bias=False))
    ).double()
    images, labels = torch.randn(9, 1, 4, 4).double(), torch.arange(9) % 3
    return model, lambda: iter([(images, labels)])


def losses(logits, targets):
    return F.cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize(
    ("kind", "curvature"),
    [("additive", EIGENVALUES.sum()), ("multiplicative", (EIGENVALUES * START**2).sum())],
)
def test_local_energy_of_a_quadratic_is_half_a_trace(kind, curvature):
    """E[L(w + sigma z)] - L(w) = sigma^2 / 2 tr H, or sum_i H_ii w_i^2 in place of the trace."""
    sigmas, draws = [1.0, 2.0], 400
    model = Quadratic(START)
    found = local_energy(
        model, half_square, quadratic(), kind=kind, sigmas=sigmas, draws=draws, seed=0
    )
    for i, sigma in enumerate(sigmas):
        standard_error = found["loss_sd"][i] / draws**0.5
        expected = sigma**2 / 2 * curvature.item()
        assert abs(found["loss"][i] - expected) < 4 * standard_error < 0.4 * expected
    assert torch.equal(model.w.detach(), START)
    assert not found["error"].any()


def test_a_draw_costs_a_pass():
    """And nothing else does, the first point apart: 4 draws at 3 sigmas are 13 passes."""
    passes, rows = [], quadratic()
    local_energy(
        Quadratic(START),
        half_square,
        lambda: passes.append(0) or rows(),
        kind="additive",
        sigmas=[0.1, 0.2, 0.3],
        draws=4,
        seed=0,
    )
    assert len(passes) == 13


def test_multiplicative_energy_ignores_how_layers_share_their_scale():
    model, batches = classifier()
    fields = {"sigmas": [0.3], "draws": 5, "seed": 1}
    before = {k: local_energy(model, losses, batches, kind=k, **fields) for k in KINDS}
    with torch.no_grad():
        model[0].weight.mul_(4)
        model[3].weight.div_(4)
    after = {k: local_energy(model, losses, batches, kind=k, **fields) for k in KINDS}
    same = [np.allclose(before[k]["loss"], after[k]["loss"], rtol=1e-6) for k in KINDS]
    assert same == [False, True]


def test_sharpness_of_one_step_is_exact():
    """L(w + rho g / |g|) - L(w) = rho |g| + rho^2 / 2 g' H g / |g|^2."""
    g, rho = EIGENVALUES * START, 0.3
    expected = rho * g.norm() + rho**2 / 2 * (EIGENVALUES * g**2).sum() / g.norm() ** 2
    model = Quadratic(START)
    found = sharpness(model, half_square, quadratic(), rho=rho, m=None, steps=1)
    assert found == pytest.approx(expected.item(), rel=1e-12)
    assert torch.equal(model.w.detach(), START)


def test_m_sharpness_is_the_mean_of_the_chunks():
    """An example's Hessian is x x': of rank 1, so that rho |g| + rho^2 |x|^2 / 2 is its own."""
    rho, model = 0.3, Quadratic(START)
    squares = SIZE * EIGENVALUES
    own = rho * squares * START.abs() + rho**2 / 2 * squares * (START != 0)
    found = sharpness(model, half_square, quadratic(), rho=rho, m=1, steps=1)
    assert found == pytest.approx(own.mean().item(), rel=1e-12)
    whole = sharpness(model, half_square, quadratic(), rho=rho, m=None, steps=1)
    assert found > whole  # smaller chunks are sharper
    with pytest.raises(ValueError, match="m=5 is more than the 4 examples of a batch"):
        sharpness(model, half_square, quadratic(), rho=rho, m=5, steps=1)


def test_many_steps_find_the_maximum_of_the_ball():
    """At a minimum that is rho^2 / 2 times the largest eigenvalue."""
    model = Quadratic(1e-9 * torch.ones_like(START))
    found = [
        sharpness(model, half_square, quadratic(), rho=0.3, m=None, steps=k) for k in (1, 2, 5, 60)
    ]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(0.3**2 / 2 * 4, rel=1e-6)


def test_a_slice_of_a_quadratic_is_a_parabola():
    model = Quadratic(START)
    ts = np.linspace(-1, 1, 5)
    model.w = nn.Parameter(START[:, None])  # one row a filter
    model.forward = lambda x: x @ model.w
    found = line_slice(model, half_square, quadratic(), ts=ts, seed=3)
    landscape = Landscape(model, half_square, quadratic())
    d = landscape.filter_normalised(landscape.noise(3, "slice", 0))
    torch.testing.assert_close(d.abs(), START.abs())
    w = START + torch.from_numpy(ts)[:, None] * d
    np.testing.assert_allclose(found["loss"], (0.5 * EIGENVALUES * w**2).sum(1), rtol=1e-12)


def test_slices_ignore_the_scale_of_a_filter_and_leave_the_network():
    model, batches = classifier()
    ts = np.linspace(-1, 1, 3)
    before = plane_slice(model, losses, batches, ts=ts, seed=0)
    kept = weights_of(model)
    line_slice(model, losses, batches, ts=ts, seed=0)
    assert torch.equal(weights_of(model), kept)
    with torch.no_grad():
        model[0].weight[1].mul_(8)
        model[3].weight.view(3, 3, 4)[:, 1].div_(8)
    landscape = Landscape(model, losses, batches)
    assert landscape.score(weights_of(model)).loss == pytest.approx(before["loss"][1, 1])
    d = landscape.filter_normalised(landscape.noise(0, "slice", 0))
    assert d[9:18].norm() == pytest.approx(model[0].weight[1].norm().item())
    one = line_slice(model, losses, batches, ts=ts, seed=0)
    assert one["loss"][1] == pytest.approx(before["loss"][1, 1])
    assert before["grid"].shape == (3, 3, 2) and np.ptp(before["loss"]) > 0


def test_biases_and_bn_do_not_move_in_a_slice():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    landscape = Landscape(model, losses, lambda: iter(()))
    d = landscape.filter_normalised(landscape.noise(0))
    assert d[:18].all() and not d[18:].any()


def test_rays_are_of_unit_length_and_the_same_for_every_network():
    model = Quadratic(torch.zeros(SIZE, dtype=torch.float64))

    def measure(network):
        square = network.w.detach().square().sum().item()
        return dict.fromkeys(SCORES, square)

    found = rays(model, measure, ts=[0.0, 1.0, 3.0], count=2, seed=0)
    np.testing.assert_allclose(found["test_error"], [[0, 1, 9]] * 2, rtol=1e-12)
    assert not model.w.detach().any()
    seen = [weights_of(put_(model, torch.full((SIZE,), c).double())) for c in (0.0, 1.0)]
    points = []
    for start in seen:
        put_(model, start)
        rays(model, lambda n: points.append(weights_of(n)) or measure(n), ts=[2.0], count=1, seed=0)
    torch.testing.assert_close(points[1] - seen[1], points[0] - seen[0])


def test_a_kind_of_energy_that_there_is_not():
    with pytest.raises(ValueError, match="kind='relative' is not one of additive, multiplicative"):
        local_energy(
            Quadratic(START), half_square, quadratic(), kind="relative", sigmas=[1], draws=1, seed=0
        )
