"""LAMB: Adam's update at layer-wise adaptive rates (You et al. 2020, arXiv:1904.00962)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch

from basin.core.parameters import gradients, group_parameters, taking_part
from basin.core.protocols import Parameters
from basin.optimizer.clip import by_norm_
from basin.optimizer.lars import norms, trust
from basin.optimizer.ranges import above_0, at_least_0, below_1


class Lamb(torch.optim.Optimizer):
    """w -= lr trust u, u = m^ / (sqrt(v^) + eps) + wd w, trust = |w| / |u| of each tensor.

    max_grad_norm: the gradient of all groups is first clipped to this norm; null: it is not.
    adaptive: false is trust 1, AdamW. clip: trust is at most 1. adapt_spared: tensors of
    `spared` groups (field `decay`) get their trust too.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        max_grad_norm: float | None,
        adaptive: bool,
        clip: bool,
        adapt_spared: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        above_0(eps=eps)
        for beta in betas:
            below_1(betas=beta)
        if max_grad_norm is not None:
            above_0(max_grad_norm=max_grad_norm)
        fields = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**fields, "decoupled_weight_decay": True})
        self._most, self._adaptive = max_grad_norm, adaptive
        self._clip, self._adapt_spared = clip, adapt_spared
        for group in self.param_groups:
            group["step"] = 0
            for p in group["params"]:
                self.state[p] = {k: torch.zeros_like(p) for k in ("exp_avg", "exp_avg_sq")}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            if self._most is not None:
                by_norm_(gradients(group_parameters(self)), self._most)
            for group in self.param_groups:
                group["step"] += 1
                self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        weights, grads, first, second = taking_part(self, group, "exp_avg", "exp_avg_sq")
        if not weights:
            return
        (beta1, beta2), t, decay = group["betas"], group["step"], group["weight_decay"]
        torch._foreach_lerp_(first, grads, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, 1 - beta2)
        root = sqrt(1 - beta2**t)  # m^ / (sqrt(v) / root + eps) = root m^ / (sqrt(v) + root eps)
        denominators = list(torch._foreach_sqrt(second))
        torch._foreach_add_(denominators, root * group["eps"])
        updates = list(torch._foreach_div(first, denominators))
        torch._foreach_mul_(updates, root / (1 - beta1**t))
        if decay:
            torch._foreach_add_(updates, weights, alpha=decay)
        if self._adaptive and (self._adapt_spared or not group.get("spared")):
            lengths = norms(updates)
            ratios = trust(norms(weights), lengths, lengths)
            if self._clip:
                ratios = ratios.clamp(max=1)
            torch._foreach_mul_(updates, list(ratios.unbind()))
        torch._foreach_add_(weights, updates, alpha=-group["lr"])
