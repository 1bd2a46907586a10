"""Gradient clipping: by global norm, by value, or unit by unit (Brock et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.core.parameters import norm
from basin.core.protocols import Optimizer
from basin.optimizer.gradient_wrapper import GradientWrapper
from basin.optimizer.ranges import above_0, one_of

KINDS = ("norm", "value", "adaptive")
TINY = 1e-12
SMALLEST = 1e-3
"""Weight norm below which adaptive clipping takes this instead (arXiv:2102.06171, section 4.1)."""


def by_norm_(gradients: list[Tensor], limit: float) -> None:
    """g = g min(1, limit / |g|), |g| over all tensors."""
    if gradients:
        torch._foreach_mul_(gradients, (limit / (norm(gradients) + TINY)).clamp(max=1))


def by_value_(gradients: list[Tensor], limit: float) -> None:
    """Each component into [-limit, limit]."""
    torch._foreach_clamp_min_(gradients, -limit)
    torch._foreach_clamp_max_(gradients, limit)


def adaptively_(weights: list[Tensor], gradients: list[Tensor], limit: float) -> None:
    """Each unit's |g| to at most limit max(|w|, 1e-3) (arXiv:2102.06171, eq. 3)."""
    for w, g in zip(weights, gradients, strict=True):
        most = limit * unit_norm(w).clamp(min=SMALLEST)
        g.mul_((most / (unit_norm(g) + TINY)).clamp(max=1))


def unit_norm(tensor: Tensor) -> Tensor:
    """Norm over the inputs of each unit (all dimensions but the first), or of a vector."""
    if tensor.ndim < 2:
        return tensor.norm()
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)


class Clip(GradientWrapper):
    """kind: `norm` | `value` | `adaptive`; limit: of the norm, the component, or |g| / |w|.

    Differs: `adaptive` clips the last layer too, which its paper leaves.
    """

    def __init__(self, *, base: Optimizer, kind: str, limit: float) -> None:
        one_of(KINDS, kind=kind)
        above_0(limit=limit)
        changes = {
            "norm": lambda weights, gradients: by_norm_(gradients, limit),
            "value": lambda weights, gradients: by_value_(gradients, limit),
            "adaptive": lambda weights, gradients: adaptively_(weights, gradients, limit),
        }
        super().__init__(base, changes[kind])
