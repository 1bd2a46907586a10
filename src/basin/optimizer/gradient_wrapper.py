"""A wrapper that changes the gradient between the closure and its base's update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import gradients, group_parameters
from basin.core.protocols import Closure, Optimizer
from basin.optimizer.wrapper import Derived, Wrapper

Change = Callable[[list[Tensor], list[Tensor]], None]
"""(weights, gradients): gradients are changed in place."""


class GradientWrapper(Wrapper):
    """Every gradient that the base asks for passes through `change`, all groups jointly."""

    def __init__(self, base: Optimizer, change: Change) -> None:
        super().__init__(base)
        self._change = change

    def step(self, closure: Closure) -> Any:
        """The base's step with changed gradients."""

        def changed(**switches: bool) -> tuple[Tensor, Tensor]:
            loss = closure(**switches)
            if switches.get("backward", True):
                weights = [p.detach() for p in group_parameters(self) if p.grad is not None]
                with torch.no_grad():
                    self._change(weights, gradients(group_parameters(self)))
            return loss, closure.losses

        return self.base.step(Derived(closure, changed))
