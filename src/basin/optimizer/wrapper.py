"""What every wrapper shares: it owns a base optimizer and shows the base's groups as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from basin.core.parameters import Wrapping
from basin.core.protocols import Closure, Optimizer, Parameters


class Wrapper(Wrapping):
    """Owns `base` and its own tensors; a subclass defines `step`, `own_state`, `load_own_state`."""

    def __init__(self, base: Optimizer) -> None:
        self.base = base

    @property
    def param_groups(self) -> Parameters:
        """The base's groups, so that one schedule reaches every field of every level."""
        return self.base.param_groups

    def own_state(self) -> dict[str, Any]:
        """The wrapper's own tensors and numbers."""
        return {}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """The inverse of `own_state`."""

    def state_dict(self) -> dict[str, Any]:
        """The base's state beside the wrapper's."""
        return {"base": self.base.state_dict(), "own": self.own_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.base.load_state_dict(state_dict["base"])
        self.load_own_state(state_dict["own"])


class Derived:
    """The closure that a wrapper hands to its base: `gradient` in place of the plain one.

    gradient(**switches) returns (loss, losses) of the unperturbed point, leaves the wrapper's
    gradient in `p.grad` and the weights where it found them.
    """

    def __init__(self, closure: Closure, gradient: Callable[..., tuple[Tensor, Tensor]]) -> None:
        self._closure, self._gradient = closure, gradient
        self.model, self.size, self.losses = closure.model, closure.size, Tensor()

    def __call__(self, **switches: bool) -> Tensor:
        """Loss of the unperturbed point, and the wrapper's gradient."""
        loss, self.losses = self._gradient(**switches)
        return loss

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """The next minibatch of the closure underneath."""
        self._closure.resample(size, keep, stream)
        self.size = self._closure.size

    def chunks(self, size: int) -> Iterator[Closure]:
        """The chunks of the closure underneath, without the wrapper's gradient."""
        return self._closure.chunks(size)

    def evaluate(self, model: nn.Module, **switches: bool) -> Tensor:
        """The closure underneath, for another module."""
        return self._closure.evaluate(model, **switches)
