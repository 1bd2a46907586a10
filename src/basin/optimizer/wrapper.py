"""What every wrapper shares: it owns a base optimizer and shows the base's groups as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from basin.core.parameters import Following, Wrapping, innermost
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


def refuse_replicas(base: Optimizer, wrapper: str) -> None:
    """Raise ValueError where the live weights, which `wrapper` moves, are the mean of replicas."""
    if isinstance(innermost(base), Following):
        raise ValueError(
            f"{wrapper} around replicated_sgd would do nothing: it moves the model's weights, and"
            f" each step takes them anew from the replicas; use {wrapper} around sgd, or"
            " replicated_sgd alone"
        )


class Derived:
    """The closure that a wrapper hands to its base: `gradient` in place of the plain one.

    gradient(closure, **switches), of this closure or a chunk of it, returns (loss, losses) of the
    unperturbed point, leaves the wrapper's gradient in `p.grad` and the weights where they were.
    changed(model): makes it of another module's gradients; without it only losses can be asked for.
    """

    def __init__(
        self,
        closure: Closure,
        gradient: Callable[..., tuple[Tensor, Tensor]],
        changed: Callable[[nn.Module], None] | None = None,
    ) -> None:
        self._closure, self._gradient, self._changed = closure, gradient, changed
        self.model, self.size, self.losses = closure.model, closure.size, Tensor()

    def __call__(self, **switches: bool) -> Tensor:
        """Loss of the unperturbed point, and the wrapper's gradient."""
        loss, self.losses = self._gradient(self._closure, **switches)
        return loss

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """The next minibatch of the closure underneath."""
        self._closure.resample(size, keep, stream)
        self.size = self._closure.size

    def chunks(self, size: int) -> Iterator[Closure]:
        """The chunks of the closure underneath, each with the wrapper's gradient."""
        for chunk in self._closure.chunks(size):
            yield Derived(chunk, self._gradient, self._changed)

    def evaluate(self, model: nn.Module, **switches: bool) -> Tensor:
        """The closure underneath for another module, with the wrapper's gradient of it."""
        backward = switches.get("backward", True)
        if backward and self._changed is None:
            raise ValueError("this wrapper has no gradient of another module; use it around sgd")
        loss = self._closure.evaluate(model, **switches)
        self.losses = self._closure.losses
        if backward and self._changed is not None:
            self._changed(model)
        return loss
