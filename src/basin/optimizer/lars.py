"""LARS: layer-wise adaptive rates (You, Gitman and Ginsburg 2017, arXiv:1708.03888)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import taking_part
from basin.core.protocols import Parameters
from basin.optimizer.ranges import above_0, at_least_0, below_1


def trust(weights: Tensor, updates: Tensor, moves: Tensor) -> Tensor:
    """|w| / |u| of every tensor from norms (tensors,); 1 where w is 0, or where nothing moves."""
    return torch.where((weights > 0) & (moves > 0), weights / updates, 1.0)


def norms(tensors: list[Tensor]) -> Tensor:
    """Of each, (tensors,)."""
    return torch.stack(torch._foreach_norm(tensors))


class Lars(torch.optim.Optimizer):
    """buf = mu buf + trust (g + wd w); w -= lr buf, trust = c |w| / (|g| + wd |w| + eps).

    coefficient: c. clip: trust becomes min(trust / lr, 1), so that lr trust is at most lr (null:
    none). adapt_spared: tensors of `spared` groups (field `decay`) get their trust too.
    The decay is inside the scaled update, as timm has it.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        coefficient: float,
        eps: float,
        clip: bool,
        adapt_spared: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay, eps=eps)
        below_1(momentum=momentum)
        above_0(coefficient=coefficient)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._nesterov, self._coefficient, self._eps = nesterov, coefficient, eps
        self._clip, self._adapt_spared = clip, adapt_spared
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {"momentum_buffer": torch.zeros_like(p)}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        weights, gradients, buffers = taking_part(self, group, "momentum_buffer")
        if not weights:
            return
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        updates = list(torch._foreach_add(gradients, weights, alpha=decay))
        if self._adapt_spared or not group.get("spared"):
            w, g = norms(weights), norms(gradients)
            ratios = trust(self._coefficient * w, g + decay * w + self._eps, g)
            if self._clip:
                ratios = (ratios / lr).clamp(max=1)
            torch._foreach_mul_(updates, list(ratios.unbind()))
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, updates)
        if self._nesterov:
            torch._foreach_add_(updates, buffers, alpha=momentum)
            torch._foreach_add_(weights, updates, alpha=-lr)
        else:
            torch._foreach_add_(weights, buffers, alpha=-lr)
