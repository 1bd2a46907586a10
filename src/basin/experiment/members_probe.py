"""A closure that computes nothing, and refuses what members do not compute together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import torch
from torch import Tensor, nn

from basin.core.protocols import Closure


class Probe:
    """core.protocols.Closure over a minibatch of two examples of a network on the meta device."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.losses, self.size = model, torch.empty(2, device="meta"), 2

    def __call__(self, *, backward: bool = True, **_switches: bool) -> Tensor:
        """A loss without a number, and such gradients."""
        if not backward:
            self._refuse("losses without gradients")
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.empty_like(parameter)
        return torch.empty((), device="meta")

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """Another plain minibatch is one that members compute together."""
        if size is not None or keep:
            self._refuse("minibatches of a size of its own")

    def chunks(self, size: int) -> Iterator[Closure]:
        """Refused."""
        self._refuse("a minibatch in pieces")

    def evaluate(self, model: nn.Module, *, backward: bool = True, **_switches: bool) -> Tensor:
        """Refused, but for the run's own network."""
        if model is not self.model:
            self._refuse("other networks")
        return self(backward=backward)

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise ValueError(f"it computes {what}, each for itself; train such runs without members")
