"""Hessians and their spectra against matrices that are written out."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from basin.analysis.hessian import Hessian
from basin.analysis.lanczos import lanczos, spectrum
from basin.analysis.vectors import flat, pieces


def signs(size):
    def start(probe):
        generator = torch.Generator().manual_seed(probe)
        return 1 - 2 * torch.randint(2, (size,), generator=generator).double()

    return start


def quiet(text):
    pass


def small():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double()
    images, labels = torch.randn(10, 3).double(), torch.randint(2, (10,))
    model(images)  # statistics that are not the first ones
    return model.eval(), images, labels


def losses(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


def exact():
    """The Hessian (P, P) of a small network, by torch.func over all examples at once."""
    model, images, labels = small()
    named = dict(model.named_parameters())

    def loss(vector):
        weights = dict(zip(named, pieces(vector, [*named.values()]), strict=True))
        return losses(torch.func.functional_call(model, weights, (images,)), labels).mean()

    return torch.autograd.functional.hessian(loss, flat([*named.values()]))


@pytest.mark.parametrize("sizes", [(10,), (4, 4, 2)])
def test_products_are_those_of_the_exact_hessian(sizes):
    model, images, labels = small()
    parts = list(zip(images.split(sizes), labels.split(sizes), strict=True))
    hessian = Hessian(model, losses, lambda: iter(parts), weight_decay=0.3)
    matrix = exact() + 0.3 * torch.eye(hessian.size)
    vectors = torch.randn(3, hessian.size).double()
    for vector in vectors:
        torch.testing.assert_close(hessian(vector), matrix @ vector)
    assert hessian.products == 3


def test_a_loss_that_is_linear_in_the_weights_has_no_hessian():
    model = nn.Linear(3, 1, bias=False).double()
    batches = [(torch.randn(4, 3).double(), torch.zeros(4))]
    hessian = Hessian(model, lambda out, _: out[:, 0], lambda: iter(batches), weight_decay=0.0)
    assert not hessian(torch.ones(3).double()).any()


def test_a_krylov_space_of_full_size_is_the_spectrum():
    matrix = exact()
    size = len(matrix)
    ritz = lanczos(lambda v: matrix @ v, signs(size)(0), size)
    np.testing.assert_allclose(ritz.values[[0, -1]], np.linalg.eigvalsh(matrix)[[0, -1]], atol=1e-9)
    assert ritz.weights.sum() == pytest.approx(1)
    start = signs(size)(0) / size**0.5
    for power in range(4):
        moment = (start @ torch.linalg.matrix_power(matrix, power) @ start).item()
        assert (ritz.weights * ritz.values**power).sum() == pytest.approx(moment, abs=1e-9)


def test_an_exhausted_space_ends_early():
    diagonal = torch.tensor([3.0, 3.0, 1.0, 1.0, 1.0]).double()
    ritz = lanczos(lambda v: diagonal * v, torch.ones(5).double(), 5)
    np.testing.assert_allclose(ritz.values, [1, 3], atol=1e-9)
    np.testing.assert_allclose(ritz.weights, [0.6, 0.4], atol=1e-9)


def test_bounds_hold_before_convergence():
    eigenvalues = torch.logspace(-3, 1, 60).double()
    ritz = lanczos(lambda v: eigenvalues * v, signs(60)(0), 12)
    distance = np.abs(ritz.values[:, None] - eigenvalues.numpy()).min(1)
    assert (distance <= ritz.bounds + 1e-12).all() and ritz.bounds.max() > 1e-6


def test_density_top_and_trace_of_a_known_spectrum():
    eigenvalues = 1 / torch.arange(1, 201).double()
    found = spectrum(lambda v: eigenvalues * v, signs(200), probes=3, steps=60, top=4, tell=quiet)
    np.testing.assert_allclose(found.top, [1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-8)
    assert found.trace == pytest.approx(eigenvalues.sum().item())  # exact for a diagonal
    assert found.trace_error == pytest.approx(0, abs=1e-12)
    assert found.weights.sum() == pytest.approx(1) and len(found.weights) == 180
    assert (np.diff(found.eigenvalues) >= 0).all()
    above = found.weights[found.eigenvalues > 0.0255].sum()
    assert above == pytest.approx(39 / 200, abs=0.01)  # eigenvalues 1 to 1/39


def test_one_probe_has_no_standard_error():
    found = spectrum(lambda v: 2 * v, signs(5), probes=1, steps=3, top=9, tell=quiet)
    assert np.isnan(found.trace_error) and found.trace == pytest.approx(10)
    np.testing.assert_allclose(found.top, [2.0])
