"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382): residual branches that drop out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """b times the maps, b Bernoulli(survival), one for the minibatch; survival in evaluation.

    Differs: a branch that drops out is computed all the same, so that no step waits to know it, and
    its BN statistics move.
    """

    def __init__(self, survival: float) -> None:
        super().__init__()
        check_survival(survival)
        self.survival = survival

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return self.survival * maps
        return (torch.rand((), device=maps.device) < self.survival).to(maps.dtype) * maps


def check_survival(survival: float) -> None:
    """Raise ValueError where a probability of survival is none."""
    if not 0 < survival <= 1:
        raise ValueError(f"survival={survival} is not a probability above 0")


def linear_decay(last: float, num: int) -> list[float]:
    """Survival of blocks 1..num: 1 - l / num (1 - last) (equation 4)."""
    return [1 - block / num * (1 - last) for block in range(1, num + 1)]
