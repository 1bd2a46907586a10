"""ShakeDrop (Yamada et al. 2018, arXiv:1802.02375, equation 6): a residual branch disturbed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.gates import Gate
from basin.model.initialisation import check_choice
from basin.model.stochastic_depth import check_survival

LEVELS = ("image", "batch")


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        ctx.save_for_backward(backward)
        return forward * maps

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (backward,) = ctx.saved_tensors
        return backward * grad, None, None


class ShakeDrop(Gate):
    """The maps where b = 1, alpha of them where b = 0, and beta of the gradient there.

    b is Bernoulli(survival), alpha uniform on (-1, 1), beta on (0, 1); alpha and beta are drawn
    for each image, b for each `image` or for the whole `batch` (level). Evaluation multiplies by
    survival, the expectation of b + alpha - b alpha.
    """

    def __init__(self, *, survival: float, level: str) -> None:
        super().__init__()
        check_survival(survival)
        check_choice("shakedrop_level", level, LEVELS)
        self.survival, self._level = survival, level

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return self.survival * maps
        size = (len(maps), 1, 1, 1)
        drawn = torch.rand(3, *size, device=maps.device)
        kept = (drawn[0] if self._level == "image" else drawn[0, :1]) < self.survival
        alpha = torch.where(kept, 1.0, 2 * drawn[1] - 1).to(maps.dtype)
        beta = torch.where(kept, 1.0, drawn[2]).to(maps.dtype)
        return _Scale.apply(maps, alpha, alpha if self.coupled else beta)
