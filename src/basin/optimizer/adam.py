"""Adam with the choices that papers make differently (Kingma and Ba 2015, arXiv:1412.6980).

Decay times the schedule's multiplier, and normalised decay: Loshchilov and Hutter 2019
(arXiv:1711.05101), Algorithm 2 and appendix B.1.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from basin.core.clock import Clock, Epochs
from basin.core.parameters import fused
from basin.core.protocols import Parameters
from basin.optimizer.counted import by_updates
from basin.optimizer.decay import DECAYS, Normalised, counts_updates, decay_fields, shrinkage
from basin.optimizer.ranges import above_0, at_least_0, below_1, one_of

EPS = ("after", "before")


def adam(
    params: Parameters,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    amsgrad: bool,
) -> torch.optim.Adam:
    """torch.optim.Adam with the kernels of the device; its decay is part of the gradient."""
    at_least_0(lr=lr, weight_decay=weight_decay)
    above_0(eps=eps)
    for beta in betas:
        below_1(betas=beta)
    optimizer = torch.optim.Adam(
        params,
        lr=lr,
        betas=(float(betas[0]), float(betas[1])),
        eps=eps,
        weight_decay=weight_decay,
        amsgrad=amsgrad,
        fused=fused(params),
    )
    begin_(optimizer)
    return optimizer


def begin_(optimizer: torch.optim.Optimizer) -> None:
    """Give each parameter the state that torch's Adam makes in its first step, all zeros."""
    for group in optimizer.param_groups:
        names = ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))
        for p in group["params"]:
            device = p.device if group["fused"] else "cpu"
            step = torch.zeros((), dtype=torch.float32, device=device)
            optimizer.state[p] = {"step": step, **{name: torch.zeros_like(p) for name in names}}


class Adam(torch.optim.Optimizer):
    """w -= lr m^ / (sqrt(v^) + eps) with decay `coupled`, times `lr`, or times the `multiplier`.

    eps_position: `after` the bias correction of v, as the paper, or `before` it, as the code of
    decoupled decay: then it is eps / sqrt(1 - b2^t) of the former.
    cycle_epochs: weight_decay is the normalised one and becomes weight_decay / sqrt(updates of the
    present cycle); cycles last this, and `cycle_factor` times longer each after the other (the
    restarts of SGDR). null: weight_decay as it stands.
    """

    counts_updates = staticmethod(counts_updates)

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        eps_position: str,
        weight_decay: float,
        decay: str,
        amsgrad: bool,
        cycle_epochs: Epochs | None,
        cycle_factor: float,
        clock: Clock,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        above_0(eps=eps)
        for beta in betas:
            below_1(betas=beta)
        one_of(EPS, eps_position=eps_position)
        one_of(DECAYS, decay=decay)
        fields = {"lr": lr, "betas": tuple(betas), "eps": eps}
        super().__init__(params, {**fields, **decay_fields(weight_decay, decay, cycle_epochs)})
        self._before, self._decay, self._amsgrad = eps_position == "before", decay, amsgrad
        self._normalised = Normalised(cycle_epochs, cycle_factor, clock)
        names = ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else []))
        for group in self.param_groups:
            group["step"] = 0
            for p in group["params"]:
                self.state[p] = {name: torch.zeros_like(p) for name in names} | {"step": 0}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                now = self._normalised.advance_(group)
                for part in by_updates(self, group, "exp_avg", "exp_avg_sq"):
                    self._update(now, *part)
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
        (beta1, beta2), lr = group["betas"], group["lr"]
        if group["weight_decay"] and self._decay == "coupled":
            gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
        elif group["weight_decay"]:
            torch._foreach_mul_(weights, shrinkage(group, self._decay))
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        if self._amsgrad:
            largest = [self.state[p]["max_exp_avg_sq"] for p in weights]
            torch._foreach_maximum_(largest, second)
            second = largest
        root = sqrt(1 - beta2**t)  # m / (sqrt(v) / root + eps) = root m / (sqrt(v) + root eps)
        denominators = list(torch._foreach_sqrt(second))
        torch._foreach_add_(denominators, group["eps"] * (1.0 if self._before else root))
        torch._foreach_addcdiv_(weights, first, denominators, -lr * root / (1 - beta1**t))
