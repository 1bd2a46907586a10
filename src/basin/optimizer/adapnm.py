"""Positive-negative momentum with Adam's step sizes (Xie et al. 2021, arXiv:2103.17182)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Parameters
from basin.optimizer.counted import by_updates
from basin.optimizer.pnm import normaliser
from basin.optimizer.ranges import above_0, at_least_0, below_1, finite

STATES = ("momentum_odd", "momentum_even", "exp_avg_sq")


def adapnm_(
    weights: list[Tensor],
    momenta: tuple[list[Tensor], list[Tensor]],  # positive, negative
    second: list[Tensor],  # v, or its maximum
    *,
    rate: float,
    beta0: float,
    eps: float,
) -> None:
    """w -= rate ((1 + b0) pos - b0 neg) / normaliser(b0) / (sqrt(v) + eps)."""
    denominators = torch._foreach_sqrt(second)
    torch._foreach_add_(denominators, eps)
    rate /= normaliser(beta0)
    torch._foreach_addcdiv_(weights, momenta[0], denominators, -rate * (1 + beta0))
    torch._foreach_addcdiv_(weights, momenta[1], denominators, rate * beta0)


class AdaPNM(torch.optim.Optimizer):
    """PNM's momentum over the root of Adam's second moment.

    betas: (b1, b2, b0), of the momenta, of the second moment, and PNM's weight.
    amsgrad: the largest second moment so far (the authors' default).
    decoupled: w *= 1 - lr weight_decay before the update (the authors' default); else g += wd w.
    The bias of the momenta is corrected by 1 - b1^t, as the authors do, although each decays by
    b1^2 at every second step. The normaliser has b0 (the authors' code since July 2021).
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float, float],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        decoupled: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        above_0(eps=eps)
        for beta in betas[:2]:
            below_1(betas=beta)
        finite(betas=betas[2])
        fields = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "decoupled_weight_decay": decoupled})
        self._decoupled, self._amsgrad = decoupled, amsgrad
        names = (*STATES, "max_exp_avg_sq") if amsgrad else STATES
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {name: torch.zeros_like(p) for name in names} | {"step": 0}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for part in by_updates(self, group, *STATES):
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
        odd, even, second = states
        beta1, beta2, beta0 = group["betas"]
        lr, decay = group["lr"], group["weight_decay"]
        if decay and self._decoupled:
            torch._foreach_mul_(weights, 1 - lr * decay)
        elif decay:
            gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
        momenta = (odd, even) if t % 2 else (even, odd)
        torch._foreach_lerp_(momenta[0], gradients, 1 - beta1**2)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        largest = second
        if self._amsgrad:
            largest = [self.state[p]["max_exp_avg_sq"] for p in weights]
            torch._foreach_maximum_(largest, second)
        root = sqrt(1 - beta2**t)  # m / (sqrt(v) / root + eps) = root m / (sqrt(v) + root eps)
        rate, eps = lr * root / (1 - beta1**t), root * group["eps"]
        adapnm_(weights, momenta, largest, rate=rate, beta0=beta0, eps=eps)
