"""SGD with momentum in PyTorch's form: buf = mu buf + g; w -= lr buf (Sutskever et al. 2013)."""

from __future__ import annotations

from typing import Any

import torch

from basin.core.parameters import fused, reset_momentum_
from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0, at_most_1, below_1


class SGD(torch.optim.SGD):
    """torch.optim.SGD with the kernels of the device, and its momentum from the beginning.

    reset_on_drop: the momentum is set to zero before an update whose lr is below the one before,
    as the loops of Wide Residual Networks do (arXiv:1605.07146, train.lua builds a new optimizer).
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        nesterov: bool,
        weight_decay: float,
        reset_on_drop: bool,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        below_1(momentum=momentum)
        at_most_1(dampening=dampening)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov=true, momentum={momentum}, dampening={dampening}: it needs a momentum"
                " above 0 and no dampening; else give nesterov=false"
            )
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            nesterov=nesterov,
            weight_decay=weight_decay,
            fused=fused(params) and not dampening,
        )
        for group in self.param_groups:
            group["last_lr"] = lr
            if momentum and not dampening:  # where it is 0, a buffer of zeros is torch's first step
                for p in group["params"]:
                    self.state[p] = {"momentum_buffer": torch.zeros_like(p)}
        self._reset_on_drop = reset_on_drop

    def step(self, closure: Any = None) -> Any:
        """One update; see the class for the reset."""
        if self._reset_on_drop:
            if any(group["lr"] < group["last_lr"] for group in self.param_groups):
                reset_momentum_(self)
            for group in self.param_groups:
                group["last_lr"] = group["lr"]
        return super().step(closure)
