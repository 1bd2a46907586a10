"""Limited-memory symmetric rank-one approximation of a Hessian, in compact form.

Byrd, Nocedal and Schnabel 1994: B = gamma I + Psi M^-1 Psi^T, Psi = Y - gamma S,
M = D + L + L^T - gamma S^T S, where D and L are the diagonal and the strict lower triangle of
S^T Y. All of it needs inner products of the vectors alone, so the host sees a few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basin.optimizer.subproblem import Numbers, minimiser

SMALLEST = 1e-8
"""Of |s| |y - B s|: a pair whose |s^T (y - B s)| is less is not used (Nocedal and Wright, 6.26)."""
RANK = 1e-12
"""Of the greatest eigenvalue of Psi^T Psi, and of |y|^2: less is taken to be rounding."""


@dataclass(frozen=True)
class Products:
    """Inner products of steps s_i, gradient changes y_i (oldest first) and the gradient g."""

    gram: Numbers  # (2 k + 1, 2 k + 1), of the rows S, Y, g

    @property
    def num(self) -> int:
        """Pairs, k."""
        return (len(self.gram) - 1) // 2

    @property
    def ss(self) -> Numbers:
        """S^T S (k, k)."""
        return self.gram[: self.num, : self.num]

    @property
    def sy(self) -> Numbers:
        """S^T Y (k, k)."""
        return self.gram[: self.num, self.num : -1]

    @property
    def yy(self) -> Numbers:
        """Y^T Y (k, k)."""
        return self.gram[self.num : -1, self.num : -1]

    def of(self, pairs: list[int]) -> Products:
        """Those of some pairs."""
        rows = [*pairs, *(self.num + i for i in pairs), 2 * self.num]
        return Products(self.gram[np.ix_(rows, rows)])

    def measured_gamma(self, first: float) -> float:
        """y^T y / s^T y of the newest pair with positive curvature; `first` where there is none."""
        for i in reversed(range(self.num)):
            if self.sy[i, i] > SMALLEST * np.sqrt(self.ss[i, i] * self.yy[i, i]):
                return float(self.yy[i, i] / self.sy[i, i])
        return first


def middle(products: Products, gamma: float) -> Numbers:
    """M (k, k)."""
    lower = np.tril(products.sy)
    result: Numbers = lower + np.tril(lower, -1).T - gamma * products.ss
    return result


def gram_of_psi(products: Products, gamma: float) -> Numbers:
    """Psi^T Psi (k, k)."""
    mixed = products.sy + products.sy.T
    result: Numbers = products.yy - gamma * mixed + gamma**2 * products.ss
    return result


def usable(products: Products, gamma: float) -> list[int]:
    """Pairs whose update is well defined after those before them, oldest first.

    s^T (y - B s) is the Schur complement of M's last entry.
    """
    m, psi = middle(products, gamma), gram_of_psi(products, gamma)
    kept: list[int] = []
    for j in range(products.num):
        before = np.ix_(kept, kept)
        weights = np.linalg.solve(m[before], m[kept, j]) if kept else np.zeros(0)
        curvature = m[j, j] - m[j, kept] @ weights
        square = psi[j, j] - 2 * weights @ psi[kept, j] + weights @ psi[before] @ weights
        new = square > RANK * products.yy[j, j]  # else y - B s is rounding
        if new and abs(curvature) >= SMALLEST * np.sqrt(products.ss[j, j] * square):
            kept.append(j)
    return kept


@dataclass(frozen=True)
class Proposal:
    """A step as a combination of the rows S, Y, g, and what the quadratic model expects of it."""

    weights: Numbers  # (2 k + 1,)
    predicted: float  # -g^T s - s^T B s / 2


def propose(products: Products, gamma: float, radius: float) -> Proposal:
    """The minimiser of g^T s + s^T B s / 2 over |s| <= radius. All pairs must be usable.

    B's eigenvectors are those of Psi's range, and gamma is the curvature of all others: of these
    the part of g outside that range is the only one that matters.
    """
    num, square = products.num, products.gram[-1, -1]
    directions, curvatures = _eigen(products, gamma)  # (k, r) of Psi, (r,)
    g_of = products.gram[-1]
    slopes = directions.T @ (g_of[num:-1] - gamma * g_of[:num])  # (r,)
    outside = np.sqrt(max(square - slopes @ slopes, 0.0))
    slope, curvature = np.append(slopes, outside), np.append(curvatures, gamma)
    step = minimiser(curvature, slope, radius)
    share = step[-1] / outside if outside else 0.0  # of g less its part in the range
    of_psi = directions @ (step[:-1] - share * slopes)
    return Proposal(
        np.concatenate([-gamma * of_psi, of_psi, [share]]),
        float(-slope @ step - curvature @ step**2 / 2),
    )


def _eigen(products: Products, gamma: float) -> tuple[Numbers, Numbers]:
    """Eigenvectors of B in Psi's range, as orthonormal combinations of Psi, and eigenvalues."""
    if not products.num:
        return np.zeros((0, 0)), np.zeros(0)
    values, vectors = np.linalg.eigh(gram_of_psi(products, gamma))
    real = values > RANK * values[-1]
    root, basis = np.sqrt(values[real]), vectors[:, real]
    inverse = np.linalg.solve(middle(products, gamma), basis * root)
    small = (basis * root).T @ inverse  # (r, r)
    shifts, rotation = np.linalg.eigh((small + small.T) / 2)
    return (basis / root) @ rotation, gamma + shifts
