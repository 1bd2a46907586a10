"""Eigenvalues of a Hessian: a power law, or the quantiles of a measured density."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def power_law(dimension: int, *, scale: float, exponent: float) -> Tensor:
    """scale * i**-exponent, i = 1 to dimension: (d,) float64."""
    return scale * torch.arange(1, dimension + 1, dtype=torch.float64) ** -exponent


def read_spectrum(path: Path, dimension: int) -> Tensor:
    """Magnitudes (d,) float64, ascending: the quantiles (i - 1/2) / d of the density in a file.

    A line is `eigenvalue density`, the form in which the authors of eigencurve (arXiv:2110.14109)
    publish spectra, or `eigenvalue` alone; densities need not sum to 1.
    """
    if not path.is_file():
        raise ValueError(f"dataset.spectrum: there is no file {path}")
    try:
        table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise ValueError(f"dataset.spectrum={path} cannot be read: {error}") from None
    if not table.size or table.shape[1] > 2:
        raise ValueError(
            f"dataset.spectrum={path} has {table.shape[1]} columns; a line is `eigenvalue` or"
            " `eigenvalue density`"
        )
    density = table[:, 1] if table.shape[1] == 2 else np.ones(len(table))
    if not np.isfinite(table).all() or (density < 0).any() or density.sum() <= 0:
        raise ValueError(f"dataset.spectrum={path} has a density below 0 or not finite, or no mass")
    order = np.argsort(abs(table[:, 0]), kind="stable")
    cumulative = np.cumsum(density[order]) / density.sum()
    places = (np.arange(dimension) + 0.5) / dimension
    rows = np.searchsorted(cumulative, places).clip(max=len(table) - 1)
    return torch.from_numpy(abs(table[order, 0])[rows])
