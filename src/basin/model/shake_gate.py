"""Convex combination of two branches whose backward weights differ from its forward ones.

Gastaldi 2017, "Shake-Shake regularization" (arXiv:1705.07485), section 2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.gates import Gate
from basin.model.initialisation import check_choice

MODES = ("shake", "even")
LEVELS = ("image", "batch")


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(beta)
        return alpha * first + (1 - alpha) * second

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (beta,) = ctx.saved_tensors
        return beta * grad, (1 - beta) * grad, None, None


class ShakeGate(Gate):
    """alpha a + (1 - alpha) b forward, beta and 1 - beta backward; the mean in evaluation.

    forward_mode, backward_mode: `shake` draws from U(0, 1), `even` is 1/2.
    level: one draw for each `image`, or for the whole `batch`.
    """

    def __init__(self, *, forward_mode: str, backward_mode: str, level: str) -> None:
        super().__init__()
        check_choice("forward_mode", forward_mode, MODES)
        check_choice("backward_mode", backward_mode, MODES)
        check_choice("level", level, LEVELS)
        self._modes, self._level = (forward_mode, backward_mode), level

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        if not self.training:
            return (first + second) / 2
        alpha, beta = (self._weights(mode, first) for mode in self._modes)
        return _Combine.apply(first, second, alpha, alpha if self.coupled else beta)

    def _weights(self, mode: str, maps: Tensor) -> Tensor:
        """(B or 1, 1, 1, 1)."""
        num = len(maps) if self._level == "image" else 1
        if mode == "even":
            return maps.new_full((num, 1, 1, 1), 0.5)
        return torch.rand(num, 1, 1, 1, device=maps.device, dtype=maps.dtype)
