"""What mixup and cutmix share: partners, mixing weights from Beta(a, a), soft targets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from basin.core.protocols import Draws

GRID = 4096
"""Points of the tabulated distribution function."""


class SymmetricBeta:
    """Beta(alpha, alpha) from uniform numbers, by linear interpolation of its inverse.

    Differs: the quantile function is tabulated at 4096 points, so that the same weights are drawn
    on every device without rejection.
    """

    def __init__(self, alpha: float) -> None:
        from scipy.stats import beta

        points = torch.linspace(0, 1, GRID + 1, dtype=torch.float64).numpy()
        self._table = torch.from_numpy(beta.ppf(points, alpha, alpha)).to(torch.float32)

    def __call__(self, uniform: Tensor) -> Tensor:
        """Quantiles of numbers in [0, 1)."""
        table = self._table = self._table.to(uniform.device)
        place = uniform * GRID
        low = place.to(torch.int64)
        return torch.lerp(table[low], table[low + 1], place - low)


def partners(draws: Draws) -> Tensor:
    """A random permutation (B,) of the minibatch."""
    return draws.uniform("partner").flatten().argsort(stable=True)


def soft(targets: Tensor, num_classes: int) -> Tensor:
    """Targets (B,) or (B, K) as float (B, K)."""
    return F.one_hot(targets, num_classes).float() if targets.ndim == 1 else targets


def check(name: str, alpha: float, probability: float) -> None:
    """Raise ValueError where they are no parameters of a mixture."""
    if alpha <= 0:
        raise ValueError(f"{name} alpha={alpha} must be above 0; to switch it off, leave it out")
    if not 0 <= probability <= 1:
        raise ValueError(f"{name} probability={probability} must be 0 to 1")
