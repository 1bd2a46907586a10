"""SGD with momentum in both of its forms and with three kinds of weight decay.

Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization" (arXiv:1711.05101), Algorithm 1.
"""

from __future__ import annotations

from typing import Any

import torch

from basin.core.clock import Clock, Epochs
from basin.core.parameters import reset_momentum_, taking_part
from basin.core.protocols import Parameters
from basin.optimizer.decay import DECAYS, Normalised, counts_updates, decay_fields, shrinkage
from basin.optimizer.ranges import at_least_0, below_1, check_nesterov, one_of

FORMS = ("torch", "velocity")


class SGDW(torch.optim.Optimizer):
    """form `torch`: buf = mu buf + g, w -= lr buf; `velocity`: v = mu v - lr g, w += v.

    They are equal while lr is constant. nesterov: w -= lr (g + mu buf); w += mu v - lr g.
    decay: `coupled` g += wd w; `lr` w *= 1 - lr wd; `multiplier` w *= 1 - eta wd, eta the
    schedule's factor. cycle_epochs: weight_decay is the normalised one (`decay.Normalised`).
    reset_on_drop: as in `sgd.SGD`.
    """

    counts_updates = staticmethod(counts_updates)

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        form: str,
        weight_decay: float,
        decay: str,
        cycle_epochs: Epochs | None,
        cycle_factor: float | None,
        reset_on_drop: bool,
        clock: Clock,
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        below_1(momentum=momentum)
        check_nesterov(nesterov, momentum)
        one_of(FORMS, form=form)
        one_of(DECAYS, decay=decay)
        fields = {"lr": lr, "momentum": momentum}
        super().__init__(params, {**fields, **decay_fields(weight_decay, decay, cycle_epochs)})
        self._nesterov, self._form, self._decay = nesterov, form, decay
        self._reset_on_drop = reset_on_drop
        self._normalised = Normalised(cycle_epochs, cycle_factor, clock)
        for group in self.param_groups:
            group["last_lr"], group["step"] = lr, 0
            for p in group["params"]:
                self.state[p] = {"momentum_buffer": torch.zeros_like(p)}

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One update with the gradient of one call."""
        loss = closure()
        with torch.no_grad():
            if self._reset_on_drop and any(g["lr"] < g["last_lr"] for g in self.param_groups):
                reset_momentum_(self)
            for group in self.param_groups:
                group["last_lr"] = group["lr"]
                self._update(self._normalised.advance_(group))
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        weights, gradients, buffers = taking_part(self, group, "momentum_buffer")
        if not weights:
            return
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        if decay and self._decay == "coupled":
            gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
        elif decay:
            torch._foreach_mul_(weights, shrinkage(group, self._decay))
        enters = 1.0 if self._form == "torch" else -lr  # the gradient, with this factor
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients, alpha=enters)
        leaves = -lr if self._form == "torch" else 1.0  # the buffer, with this factor
        if self._nesterov:
            torch._foreach_add_(weights, gradients, alpha=-lr)
            torch._foreach_add_(weights, buffers, alpha=leaves * momentum)
        else:
            torch._foreach_add_(weights, buffers, alpha=leaves)
