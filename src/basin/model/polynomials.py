"""Coefficients of curves over their control points (Garipov et al. 2018, arXiv:1802.10026)."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import torch
from torch import Tensor


def bezier(t: Tensor, num: int) -> Tensor:
    """C(n, j) t^j (1-t)^(n-j) of t (0-d) for j = 0..n (num = n + 1,); the paper's eq. 5 is n=2."""
    n = num - 1
    index = torch.arange(num, dtype=t.dtype, device=t.device)
    binomials = [float(comb(n, j)) for j in range(num)]
    powers = torch.pow(t, index) * torch.pow(1 - t, n - index)  # 0^0 = 1
    return torch.stack([powers[j] * binomials[j] for j in range(num)])


def polychain(t: Tensor, num: int) -> Tensor:
    """max(0, 1 - |n t - j|) of t (0-d) for j = 0..n (num = n + 1,); the paper's eq. 4 is n=2."""
    index = torch.arange(num, dtype=t.dtype, device=t.device)
    return (1 - (t * (num - 1) - index).abs()).clamp(min=0)


SHAPES: dict[str, Callable[[Tensor, int], Tensor]] = {"bezier": bezier, "polychain": polychain}
