"""Lookahead around any optimizer (Zhang, Lucas, Hinton and Ba 2019, arXiv:1907.08610)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.momentum import keeps_momentum
from basin.core.parameters import (
    Following,
    Predicting,
    group_parameters,
    levels,
    momentum_buffers,
    momentum_resets,
    reset_momentum_,
)
from basin.core.protocols import Batches, Optimizer
from basin.optimizer.ranges import above_0, at_most_1, one_of
from basin.optimizer.sphere import Sphere
from basin.optimizer.wrapper import Wrapper, refuse_replicas

MOMENTA = ("none", "reset", "pullback")


CACHED = 2**17
"""Weights that a CPU interpolates at a time: its cache still has them when they are copied."""


def interpolate_(fast: list[Tensor], slow: list[Tensor], alpha: float) -> None:
    """slow = slow + alpha (fast - slow);  fast = slow (Algorithm 1)."""
    for near, far in zip(_parts(fast), _parts(slow), strict=True):
        torch._foreach_lerp_(far, near, alpha)
        torch._foreach_copy_(near, far)


def _parts(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Views of all weights, CACHED or a row more at a time; all at once where it is no CPU."""
    if not all(tensor.is_cpu for tensor in tensors):
        yield tensors
        return
    part, num = [], 0
    for tensor in map(torch.atleast_1d, tensors):
        for rows in tensor.split(max(1, CACHED * len(tensor) // max(1, tensor.numel()))):
            part.append(rows)
            num += rows.numel()
            if num >= CACHED:
                yield part
                part, num = [], 0
    if part:
        yield part


class Lookahead(Wrapper, Predicting, Following):
    """The base takes `k` steps, then slow and fast weights meet at slow + alpha (fast - slow).

    momentum: at a meeting the base's is left (`none`), set to zero (`reset`), or interpolated like
    the weights with what it was after the meeting before (`pullback`; zero before the first, and
    where anything has reset the momentum since).
    The slow weights, with the BN buffers of the live (fast) ones, are the solution `slow`; around
    another Lookahead it is `slow_2`, and so on.
    Differs: pullback is the paper's rule; the authors' PyTorch code caches an alias of the buffer.
    """

    def __init__(
        self, *, base: Optimizer, model: nn.Module, alpha: float, k: int, momentum: str
    ) -> None:
        super().__init__(base)
        at_most_1(alpha=alpha)
        above_0(alpha=alpha)
        if k < 1:
            raise ValueError(f"k={k} is less than 1: the base takes k steps between meetings")
        one_of(MOMENTA, momentum=momentum)
        refuse_replicas(base, "lookahead")
        if any(isinstance(level, Sphere) for level in levels(base)):
            raise ValueError(
                "lookahead around sphere leaves the sphere, between whose points it interpolates;"
                " take optimizer=sphere optimizer@optimizer.base=lookahead"
            )
        if momentum != "none" and not keeps_momentum(base):
            raise ValueError(f"momentum={momentum}: the base has no momentum; take momentum=none")
        self._model = model
        self._alpha, self._k, self._momentum = alpha, k, momentum
        inside = sum(isinstance(level, Lookahead) for level in levels(base))
        self._suffix = f"_{inside + 1}" if inside else ""
        self._steps = 0  # since the latest meeting
        self.slow = [p.detach().clone() for p in group_parameters(self)]
        self._cached: list[Tensor] = []  # momenta after the latest meeting
        self._resets = 0  # of the momentum, before that meeting

    def step(self, closure: Any) -> Any:
        """One step of the base, and every k of them a meeting."""
        loss = self.base.step(closure)
        self._steps += 1
        if self._steps == self._k:
            self._steps = 0
            self._meet()
        return loss

    @torch.no_grad()
    def _meet(self) -> None:
        interpolate_(group_parameters(self), self.slow, self._alpha)
        if self._momentum == "reset":
            reset_momentum_(self)
        elif self._momentum == "pullback":
            buffers = list(momentum_buffers(self))
            if self._resets != momentum_resets(self):
                self._resets = momentum_resets(self)
                self._cached = []
            late = buffers[len(self._cached) :]  # since then the first, or reset
            self._cached += [torch.zeros_like(b) for b in late]
            interpolate_(buffers, self._cached, self._alpha)

    @torch.no_grad()
    def follow_(self) -> None:
        """The slow weights are the live ones; the place in the cycle is kept."""
        torch._foreach_copy_(self.slow, group_parameters(self))

    @torch.no_grad()
    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The slow weights."""
        module = copy.deepcopy(self._model)
        slow = dict(zip(group_parameters(self), self.slow, strict=True))
        for live, own in zip(self._model.parameters(), module.parameters(), strict=True):
            own.copy_(slow.get(live, live))
        yield f"slow{self._suffix}", module

    def own_state(self) -> dict[str, Any]:
        """Slow weights, cached momenta, and the place in the cycle."""
        counts = {"steps": self._steps, "resets": self._resets}
        return {"slow": self.slow, "cached": self._cached, **counts}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """The inverse of `own_state`."""
        torch._foreach_copy_(self.slow, state["slow"])
        self._cached = [v.to(self.slow[0].device, copy=True) for v in state["cached"]]
        self._steps = state["steps"]
        self._resets = state.get("resets", 0)  # older states have none
