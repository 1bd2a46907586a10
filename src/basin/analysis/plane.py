"""The plane through three networks (Garipov et al. 2018, arXiv:1802.10026, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from basin.analysis.path import line
from basin.analysis.points import SCORES
from basin.analysis.vectors import put_, weights_of


class Plane:
    """w1 + x u + y v of three weight vectors: u along w2 - w1, v along w3 less its part along u.

    Both are unit vectors; width and height are |w2 - w1| and the distance of w3 from that line.
    Weights are float64 vectors (P,). Raises ValueError where the three lie on a line.
    """

    def __init__(self, first: Tensor, second: Tensor, third: Tensor) -> None:
        self.origin = first.double()
        across, up = second.double() - self.origin, third.double() - self.origin
        self.width = torch.linalg.vector_norm(across).item()
        self._u = across / self.width if self.width else across
        up = up - torch.dot(self._u, up) * self._u
        self.height = torch.linalg.vector_norm(up).item()
        scale = torch.linalg.vector_norm(third.double() - self.origin).item()
        if not self.width or self.height <= 1e-6 * max(scale, self.width):
            raise ValueError("the three networks lie on a line, or two are the same: no plane")
        self._v = up / self.height

    def coordinates(self, weights: Tensor) -> tuple[float, float, float]:
        """x, y of the projection of weights (P,), and their distance from the plane."""
        away = weights.double() - self.origin
        x, y = torch.dot(away, self._u), torch.dot(away, self._v)
        rest = torch.linalg.vector_norm(away - x * self._u - y * self._v)
        return x.item(), y.item(), rest.item()

    def at(self, x: float, y: float) -> Tensor:
        """The weights (P,) of a point of the plane."""
        return self.origin + x * self._u + y * self._v


def axis(length: float, points: int, margin: float) -> np.ndarray:
    """`points` equidistant numbers (G,) from -margin to 1 + margin, in units of a length."""
    return np.linspace(-margin, 1 + margin, points) * length


def over(
    plane: Plane,
    axes: Sequence[np.ndarray],
    network: nn.Module,
    measure: Callable[[nn.Module], dict[str, float]],
    tell: Callable[[str], None],
) -> dict[str, np.ndarray]:
    """Arrays `grid` (X, Y, 2) of coordinates and (X, Y) of every score.

    network: one whose parameters are overwritten.
    """
    xs, ys = axes
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    scores = {name: np.empty(grid.shape[:2]) for name in SCORES}
    for i, j in np.ndindex(*grid.shape[:2]):
        x, y = (float(value) for value in grid[i, j])
        found = measure(put_(network, plane.at(x, y)))
        for name in SCORES:
            scores[name][i, j] = found[name]
        tell(line(f"({x:.3f}, {y:.3f})", found))
    return {"grid": grid, **scores}


def projected(plane: Plane, networks: Iterable[nn.Module]) -> np.ndarray:
    """Rows x, y, distance from the plane (T, 3) of networks."""
    return np.array([plane.coordinates(weights_of(network)) for network in networks])
