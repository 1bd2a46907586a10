"""NAdam: Adam with Nesterov momentum (Dozat 2016, "Incorporating Nesterov Momentum into Adam")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Parameters
from basin.optimizer.counted import by_updates
from basin.optimizer.ranges import above_0, at_least_0, below_1


class NAdam(torch.optim.Optimizer):
    """mu_t = b1 (1 - 0.96^(t psi) / 2); w -= lr ((1 - mu_t) g / (1 - mu_1..mu_t)
    + mu_{t+1} m / (1 - mu_1..mu_{t+1})) / (sqrt(v^) + eps).

    momentum_decay: psi. decoupled: w *= 1 - lr weight_decay before the update; else g += wd w.
    torch.optim.NAdam's update; torch keeps the product of the mu_t as a float32 tensor, which a
    checkpoint of a float64 run gives back in float64, so that such a run does not resume exactly.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        momentum_decay: float,
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        above_0(eps=eps)
        at_least_0(lr=lr, momentum_decay=momentum_decay, weight_decay=weight_decay)
        for beta in betas:
            below_1(betas=beta)
        fields = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "decoupled_weight_decay": decoupled})
        self._psi, self._decoupled = momentum_decay, decoupled
        for group in self.param_groups:
            for p in group["params"]:
                moments = {k: torch.zeros_like(p) for k in ("exp_avg", "exp_avg_sq")}
                self.state[p] = {**moments, "step": 0, "product": 1.0}

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
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (s * self._psi)) for s in (t, t + 1))
        product = self.state[weights[0]]["product"] * mu
        for p in weights:
            self.state[p]["product"] = product
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        denominators = list(torch._foreach_div(second, 1 - beta2**t))
        torch._foreach_sqrt_(denominators)
        torch._foreach_add_(denominators, group["eps"])
        of_gradient = -lr * (1 - mu) / (1 - product)
        of_momentum = -lr * following / (1 - product * following)
        torch._foreach_addcdiv_(weights, gradients, denominators, of_gradient)
        torch._foreach_addcdiv_(weights, first, denominators, of_momentum)
