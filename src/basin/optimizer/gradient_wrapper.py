"""A wrapper that changes the gradient between the closure and its base's update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.parameters import gradients, group_parameters, levels
from basin.core.protocols import Closure, Optimizer
from basin.optimizer.sam import SAM
from basin.optimizer.wrapper import Derived, Wrapper

Change = Callable[[list[Tensor], list[Tensor]], None]
"""(weights, gradients): gradients are changed in place."""


class GradientWrapper(Wrapper):
    """Every gradient that the base asks for passes through `change`, all groups jointly.

    That of another module (a replica) by itself. Raises ValueError around a SAM whose gradient is
    made of several: what is to be changed is their mean, so the wrapper belongs inside.
    """

    def __init__(self, base: Optimizer, change: Change) -> None:
        super().__init__(base)
        self._change = change
        for level in levels(base):
            if isinstance(level, SAM) and level.combines:
                name = type(self).__name__.lower()
                raise ValueError(
                    f"{name} around sam with {level.combines} would change each part and not the"
                    " gradient of the step; swap them: optimizer=sam"
                    f" optimizer@optimizer.base={name}"
                )

    def step(self, closure: Closure) -> Any:
        """The base's step with changed gradients."""
        return self.base.step(Derived(closure, self._gradient, self._of))

    def _gradient(self, closure: Closure, **switches: bool) -> tuple[Tensor, Tensor]:
        loss = closure(**switches)
        if switches.get("backward", True):
            self._changed(group_parameters(self))
        return loss, closure.losses

    def _of(self, model: nn.Module) -> None:
        self._changed(list(model.parameters()))

    @torch.no_grad()
    def _changed(self, parameters: list[Tensor]) -> None:
        weights = [p.detach() for p in parameters if p.grad is not None]
        self._change(weights, gradients(parameters))
