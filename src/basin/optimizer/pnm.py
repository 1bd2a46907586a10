"""Positive-negative momentum (Xie, Yuan, Zhu and Sugiyama 2021, arXiv:2103.17182)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Parameters
from basin.optimizer.counted import by_updates
from basin.optimizer.ranges import at_least_0, below_1, finite

MOMENTA = ("momentum_odd", "momentum_even")


def normaliser(beta0: float) -> float:
    """sqrt((1 + beta0)^2 + beta0^2): the noise of (1 + beta0) pos - beta0 neg, of pos's."""
    return sqrt((1 + beta0) ** 2 + beta0**2)


def pnm_(
    weights: list[Tensor],
    gradients: list[Tensor],
    positive: list[Tensor],
    negative: list[Tensor],
    *,
    lr: float,
    betas: Sequence[float],
) -> None:
    """pos = b1^2 pos + (1 - b1^2) g;  w -= lr ((1 + b0) pos - b0 neg) / normaliser(b0)."""
    beta1, beta0 = betas
    rate = lr / normaliser(beta0)
    torch._foreach_lerp_(positive, gradients, 1 - beta1**2)
    torch._foreach_add_(weights, positive, alpha=-rate * (1 + beta0))
    torch._foreach_add_(weights, negative, alpha=rate * beta0)


class PNM(torch.optim.Optimizer):
    """Two momenta that take turns: the one of this step's parity moves, the other is subtracted.

    betas: (b1, b0). b0 may be negative: -b1 / (1 + b1) is heavy-ball SGD at the rate
    lr (1 - b1) / normaliser(b0); 0 is two momenta EMA(b1^2) on odd and on even steps.
    decoupled: w *= 1 - lr weight_decay before the update (the authors' default); else g += wd w.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        below_1(betas=betas[0])
        finite(betas=betas[1])
        fields = {"lr": lr, "betas": tuple(betas), "weight_decay": weight_decay}
        super().__init__(params, {**fields, "decoupled_weight_decay": decoupled})
        self._decoupled = decoupled
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {k: torch.zeros_like(p) for k in MOMENTA} | {"step": 0}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        lr, decay = group["lr"], group["weight_decay"]
        for t, weights, gradients, (odd, even) in by_updates(self, group, *MOMENTA):
            if decay and self._decoupled:
                torch._foreach_mul_(weights, 1 - lr * decay)
            elif decay:
                gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
            momenta = (odd, even) if t % 2 else (even, odd)
            pnm_(weights, gradients, *momenta, lr=lr, betas=group["betas"])
