"""The trust-region subproblem where the quadratic is diagonal, solved exactly.

Moré and Sorensen 1983; for limited-memory SR1 Brust, Erway and Marcia 2017 (arXiv:1506.07222).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq

Numbers = np.ndarray[Any, np.dtype[np.float64]]

ROUNDING = 1e-14
"""Of the greatest curvature, or of |g|: what counts as 0 in the hard case."""


def minimiser(curvatures: Numbers, slopes: Numbers, radius: float) -> Numbers:
    """argmin of slopes.s + sum(curvatures s^2) / 2 over |s| <= radius; all (k,).

    s = -slopes / (curvatures + sigma), with sigma >= 0 that makes no curvature negative; in the
    hard case, where the lowest curvature is negative and has no slope, s is completed along it.
    """
    lowest = curvatures.min()
    floor = max(0.0, -lowest)
    flat = curvatures + floor <= ROUNDING * np.abs(curvatures).max()
    slopes = np.where(flat & (np.abs(slopes) <= ROUNDING * np.linalg.norm(slopes)), 0.0, slopes)
    step = _over(-slopes, curvatures + floor)
    length = np.linalg.norm(step)
    if length <= radius:
        if lowest < 0:
            step[np.argmin(curvatures)] += np.sqrt(radius**2 - length**2)
        return step
    sigma = brentq(
        lambda s: _excess(curvatures + s, slopes, radius),
        floor,
        floor + 2 * np.linalg.norm(slopes) / radius,
        xtol=1e-300,
        rtol=4 * np.finfo(float).eps,
    )
    return _over(-slopes, curvatures + sigma)


def _excess(shifted: Numbers, slopes: Numbers, radius: float) -> float:
    """1 / radius - 1 / |s|, above 0 where s is too long; nearly linear in the shift."""
    return float(1 / radius - 1 / np.linalg.norm(_over(slopes, shifted)))


def _over(numerator: Numbers, shifted: Numbers) -> Numbers:
    """Quotients, 0 / 0 being 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator == 0, 0.0, numerator / shifted)
