"""BN of several networks that are computed as one: a single BN over the channels of all.

torch.vmap's own rule scales and shifts in operations of their own, each a pass over the features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StackedBatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d in training mode, inside of torch.vmap."""

    def forward(self, features: Tensor) -> Tensor:
        mean = var = None
        if self.track_running_stats:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            mean, var = self.running_mean, self.running_var
        numbers = (self.momentum, self.eps)
        normalised: Tensor = _Normalised.apply(features, mean, var, self.weight, self.bias, numbers)
        return normalised


def stacked(layer: nn.BatchNorm2d) -> StackedBatchNorm:
    """A layer in the place of another, without its numbers."""
    return StackedBatchNorm(
        layer.num_features,
        layer.eps,
        layer.momentum,
        layer.affine,
        layer.track_running_stats,
        device="meta",
    )


class _Normalised(torch.autograd.Function):
    """Its batching rule is all there is: what it computes there has a gradient by itself."""

    generate_vmap_rule = False

    @staticmethod
    def forward(features: Tensor, *others: Any) -> Tensor:
        raise RuntimeError("a batch norm of members outside of torch.vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, features: Tensor, *others: Any) -> tuple[Tensor, int]:
        """Features with the members in some dimension -> the same with them in the first."""
        *tensors, (momentum, eps) = others
        mean, var, weight, bias = (None if one is None else one.flatten() for one in tensors)
        together = features.movedim(in_dims[0], 1)  # (B, M, C, H, W)
        normalised = F.batch_norm(
            together.flatten(1, 2), mean, var, weight, bias, True, momentum, eps
        )
        members = normalised.unflatten(1, together.shape[1:3]).movedim(1, 0)
        # no view, of which a ReLU in place would make its backward copy the gradient twice
        return members.clone(), 0
