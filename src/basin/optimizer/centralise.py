"""Gradient centralisation (Yong et al. 2020, arXiv:2004.01461)."""

from __future__ import annotations

from torch import Tensor

from basin.core.protocols import Optimizer
from basin.optimizer.gradient_wrapper import GradientWrapper


def centralise_(gradients: list[Tensor], *, from_ndim: int) -> None:
    """g -= mean of g over all dimensions but the first, of tensors with that many dimensions."""
    for g in gradients:
        if g.ndim >= from_ndim:
            g.sub_(g.mean(dim=tuple(range(1, g.ndim)), keepdim=True))


class Centralise(GradientWrapper):
    """convolutions_only: linear layers are left."""

    def __init__(self, *, base: Optimizer, convolutions_only: bool) -> None:
        from_ndim = 4 if convolutions_only else 2
        super().__init__(
            base, lambda weights, gradients: centralise_(gradients, from_ndim=from_ndim)
        )
