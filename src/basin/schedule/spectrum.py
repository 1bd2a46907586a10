"""From a spectrum of the Hessian to the segments of eigencurve (arXiv:2110.14109)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Segments:
    """From update starts[i] on the factor is 1 / (slopes[i] (k - starts[i]) + offsets[i])."""

    starts: Array  # (S,) int64, from 0
    slopes: Array  # (S,) float64, a
    offsets: Array  # (S,) float64, b


def read_spectrum(path: str, shift: float, decimals: int | None) -> tuple[Array, Array]:
    """|eigenvalue| + shift, ascending, and densities, both (D,) float64.

    Raises ValueError where the file is no spectrum, or the smallest of them is 0.
    """
    if not Path(path).is_file():
        raise ValueError(f"spectrum={path}: there is no such file; give lines 'eigenvalue density'")
    try:
        table = np.loadtxt(path, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"spectrum={path} is not lines of 'eigenvalue density': {error}") from None
    if table.size == 0 or table.shape[1] != 2 or not np.isfinite(table).all():
        raise ValueError(f"spectrum={path} is not lines of two finite numbers")
    values, densities = np.abs(table[:, 0]) + shift, table[:, 1]
    if decimals is not None:
        values = values.round(decimals)
    order = values.argsort(kind="stable")
    if values.min() <= 0 or densities.min() < 0 or densities.max() <= 0:
        raise ValueError(
            f"spectrum={path}: eigenvalues must not be 0 (the L2 term, as `shift`, moves them) and"
            " densities neither negative nor all 0"
        )
    return values[order], densities[order]


def buckets(values: Array, beta: float) -> Array:
    """(D,) int64, i of mu [beta^i, beta^(i+1)) around each value; mu is the first and least."""
    mu = values[0]
    i = np.floor(np.log(values / mu) / np.log(beta)).astype(np.int64)
    while (late := values >= mu * beta ** (i + 1).astype(float)).any():  # an edge, rounded
        i += late
    while (early := (i > 0) & (values < mu * beta ** i.astype(float))).any():
        i -= early
    return i


def lengths(densities: Array, updates: int) -> Array:
    """(S,) int64 updates, by the root of each density; those left over go in front."""
    shares = np.sqrt(densities)
    shares = shares / shares.sum()
    spare = updates - len(shares)
    if spare < 0:
        raise ValueError(
            f"epochs: {updates} updates are fewer than the {len(shares)} buckets of eigenvalues;"
            " raise beta, or lengthen the run"
        )
    result = np.floor(spare * shares).astype(np.int64) + 1
    result[: updates - result.sum()] += 1
    return result


def segments(values: Array, densities: Array, *, updates: int, beta: float) -> Segments:
    """Pieces of buckets whose density is not 0; `values` ascend."""
    of_each = buckets(values, beta)
    exponents, inverse = np.unique(of_each, return_inverse=True)
    masses = np.bincount(inverse, weights=densities)
    exponents, masses = exponents[masses > 0], masses[masses > 0]
    each = lengths(masses, updates)
    slopes = values[0] / values[-1] * beta ** exponents.astype(float)
    offsets = np.cumsum(np.concatenate([[1.0], (each * slopes)[:-1]]))
    return Segments(np.concatenate([[0], np.cumsum(each)[:-1]]), slopes, offsets)
