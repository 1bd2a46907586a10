"""The inner step of Entropy-SGD: a noisy particle held near a centre (arXiv:2006.07897)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Langevin:
    """d = g + gamma (w' - w) + wd w'; v = mu v + d; w' -= lr (d + mu v + noise / sqrt(lr / 2) N).

    Without nesterov d + mu v is v.
    """

    lr: float
    momentum: float
    nesterov: bool
    noise: float

    def move_(
        self,
        weights: list[Tensor],
        gradients: list[Tensor],
        centre: list[Tensor],
        velocities: list[Tensor],
        *,
        gamma: Tensor,
        weight_decay: float,
    ) -> None:
        """Weights and velocities after one step."""
        d = list(torch._foreach_mul(torch._foreach_sub(weights, centre), gamma))
        torch._foreach_add_(d, gradients)
        torch._foreach_add_(d, weights, alpha=weight_decay)
        torch._foreach_mul_(velocities, self.momentum)
        torch._foreach_add_(velocities, d)
        if self.nesterov:
            torch._foreach_add_(d, velocities, alpha=self.momentum)
        else:
            d = list(torch._foreach_clone(velocities))  # noise stays out of the velocities
        if self.noise:
            scale = self.noise / sqrt(0.5 * self.lr)
            torch._foreach_add_(d, [torch.randn_like(x) for x in d], alpha=scale)
        torch._foreach_add_(weights, d, alpha=-self.lr)
