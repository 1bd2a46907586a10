"""Spectra of symmetric matrices that are known by their products with vectors.

Lanczos with full reorthogonalisation (Golub and Van Loan 2013, section 10.3), and the spectral
density by stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017; Ghorbani, Krishnan and Xiao
2019, arXiv:1901.10159, Algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from basin.analysis.hessian import Product

BREAKDOWN = 1e-10
"""A next vector shorter than this part of what was seen of H is rounding error: H is exhausted."""


@dataclass(frozen=True)
class Ritz:
    """Of one Krylov space, in ascending order."""

    values: np.ndarray  # (m,) approximate eigenvalues
    weights: np.ndarray  # (m,) quadrature weights, sum 1
    bounds: np.ndarray  # (m,) an eigenvalue lies this close to each value
    quotient: float  # v' H v of the start v, |v| = 1


@dataclass(frozen=True)
class Spectrum:
    """An estimate of all eigenvalues of a matrix."""

    eigenvalues: np.ndarray  # (K,) ascending
    weights: np.ndarray  # (K,) share of the eigenvalues at each, sum 1
    top: np.ndarray  # (k,) the largest, descending
    bounds: np.ndarray  # (k,) an eigenvalue lies this close to each
    trace: float
    trace_error: float  # standard error of the trace, nan with one probe


def lanczos(product: Product, start: Tensor, steps: int) -> Ritz:
    """The Krylov space of `start` (P,) after `steps` products, or fewer where it is exhausted.

    Keeps min(steps, P) vectors on the device of `start`.
    """
    steps = min(steps, len(start))
    basis = start.new_empty(steps, len(start))
    basis[0] = start / torch.linalg.vector_norm(start)
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        last, span = basis[len(alphas)], basis[: len(alphas) + 1]  # (P,), (i, P)
        vector = product(last)
        alphas.append(torch.dot(last, vector).item())
        for _ in range(2):
            vector = vector - span.T @ (span @ vector)
        beta = torch.linalg.vector_norm(vector).item()
        scale = max(map(abs, [*alphas, *betas]))
        if len(alphas) == steps or beta <= BREAKDOWN * scale:
            break
        betas.append(beta)
        basis[len(alphas)] = vector / beta
    values, vectors = eigh_tridiagonal(alphas, betas)
    return Ritz(values, vectors[0] ** 2, beta * np.abs(vectors[-1]), alphas[0])


def spectrum(
    product: Product,
    start: Callable[[int], Tensor],
    *,
    probes: int,
    steps: int,
    top: int,
    tell: Callable[[str], None],
) -> Spectrum:
    """Density over `probes` random vectors, the `top` largest eigenvalues, and Hutchinson's trace.

    start: probe number -> (P,) of independent signs, so that P v'Hv / |v|^2 has the trace's mean.
    The largest eigenvalues are those of the first probe's space.
    """
    found = []
    for probe in range(probes):
        vector = start(probe)
        found.append(lanczos(product, vector, steps))
        low, high = found[-1].values[[0, -1]]
        tell(f"probe {probe + 1} of {probes}: eigenvalues from {low:.4g} to {high:.4g}")
    traces = len(vector) * np.array([ritz.quotient for ritz in found])
    values = np.concatenate([ritz.values for ritz in found])
    weights = np.concatenate([ritz.weights for ritz in found]) / probes
    order = np.argsort(values)
    return Spectrum(
        eigenvalues=values[order],
        weights=weights[order] / weights.sum(),
        top=found[0].values[::-1][:top],
        bounds=found[0].bounds[::-1][:top],
        trace=float(traces.mean()),
        trace_error=float(traces.std(ddof=1) / sqrt(probes)) if probes > 1 else float("nan"),
    )
