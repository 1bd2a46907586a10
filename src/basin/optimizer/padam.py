"""Padam and PadamW: partially adaptive momentum (Chen et al. 2018, arXiv:1806.06763)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Parameters
from basin.optimizer.counted import by_updates
from basin.optimizer.ranges import above_0, at_least_0, below_1


def power_(tensors: list[Tensor], exponent: float) -> None:
    """x^exponent, by square roots where it is 1, 1/2 or 1/4: they are ten times faster."""
    roots = {1.0: 0, 0.5: 1, 0.25: 2}.get(exponent)
    if roots is None:
        torch._foreach_pow_(tensors, exponent)
    else:
        for _ in range(roots):
            torch._foreach_sqrt_(tensors)


class Padam(torch.optim.Optimizer):
    """w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)^(2p); p = 1/2 is Adam.

    amsgrad: v is the largest second moment so far (the authors' default).
    decoupled: w *= 1 - lr weight_decay before the update (Gadam's PadamW); else g += wd w.
    eps is added before the power, and the bias corrections are not raised to it (their code).
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        partial: float,
        weight_decay: float,
        amsgrad: bool,
        decoupled: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        above_0(eps=eps)
        for beta in betas:
            below_1(betas=beta)
        if not 0 < partial <= 0.5:
            raise ValueError(f"partial={partial} is not above 0 and at most 0.5, which is Adam")
        fields = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "decoupled_weight_decay": decoupled})
        self._partial, self._amsgrad, self._decoupled = partial, amsgrad, decoupled
        names = ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else []))
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {name: torch.zeros_like(p) for name in names} | {"step": 0}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for part in by_updates(self, group, "exp_avg", "exp_avg_sq"):
                    self._update(group, *part)
        return loss

    def _update(
        self,
        group: dict[str, Any],
        t: int,
        weights: list[Tensor],
        gradients: list[Tensor],
        states: tuple[list[Tensor], ...],
    ) -> None:
        first, second = states
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        if decay and self._decoupled:
            torch._foreach_mul_(weights, 1 - lr * decay)
        elif decay:
            gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        if self._amsgrad:
            largest = [self.state[p]["max_exp_avg_sq"] for p in weights]
            torch._foreach_maximum_(largest, second)
            second = largest
        denominators = list(torch._foreach_sqrt(second))
        torch._foreach_add_(denominators, group["eps"])
        power_(denominators, 2 * self._partial)
        rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
        torch._foreach_addcdiv_(weights, first, denominators, -rate)
