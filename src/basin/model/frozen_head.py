"""A linear head that stays as it was drawn, so that a network's loss is scale-invariant.

Lobacheva et al. 2021 (arXiv:2106.15739), after Li and Arora 2020 (arXiv:1910.07454).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrozenLinear(nn.Module):
    """A linear layer whose weight and bias are buffers: nothing trains, decays or averages them."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        bias = layer.bias
        self.register_buffer("weight", layer.weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(features, self.weight, self.bias)


def linear_head(
    features: int, num_classes: int, *, bias: bool, frozen: bool, norm: float | None
) -> nn.Module:
    """PyTorch's own draw, its weight rescaled to a Frobenius norm where one is given."""
    if norm is not None and not norm > 0:
        raise ValueError(f"head_norm={norm} must be above 0, or null for PyTorch's own scale")
    layer = nn.Linear(features, num_classes, bias=bias)
    if norm is not None:
        with torch.no_grad():
            layer.weight.mul_(norm / layer.weight.norm())
    return FrozenLinear(layer) if frozen else layer
