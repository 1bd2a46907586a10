"""Forward and backward of one piece of a minibatch: what a run does alone, or with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from basin.core.protocols import Objective
from basin.core.random import derive, seed_generators
from basin.training.minibatch import Minibatch
from basin.training.network import GRAPHS, Execution, Network, compiled
from basin.training.ranges import part


@dataclass(frozen=True)
class Pass:
    """One forward pass; with a factor, also the gradient of that times the sum of the losses."""

    network: Network
    piece: Minibatch
    objective: Objective
    execution: Execution
    factor: float | None  # None: no backward
    track_stats: bool  # the BN running statistics move
    own: bool  # through the run's own network
    whole: bool  # over a whole minibatch

    @property
    def seed(self) -> int:
        """Of dropout and whatever else this pass draws."""
        return derive(self.execution.seed, self.piece.stream, self.piece.first)


Done = tuple[Tensor, Tensor]
"""Logits (b, K) and losses (b,), neither with a graph."""

Compute = Callable[[Pass], Done]
"""Does a pass; its gradients are added to every `p.grad`."""


@dataclass(frozen=True)
class Alone:
    """Compute for one run by itself. forward: its own network, compiled or as it is."""

    forward: Any
    graphs: bool  # captured, so that gradients lie in the memory of the next replay

    def __call__(self, one: Pass) -> Done:
        """See Compute."""
        seed_generators(one.seed, one.piece.images.device)
        with part("forward"):
            with one.execution.precision.autocast():
                logits = (self.forward if one.own else one.network.model)(one.piece.images)
            losses = one.objective(logits, one.piece.targets)  # (b,)
            for module in one.network.sampled:
                losses = losses + module.penalty()
        if one.factor is not None:
            with part("backward"):
                (losses.sum() * one.factor).backward()
                if self.graphs and one.own:
                    one.network.own_gradients_()
        return logits.detach(), losses.detach()


def alone(model: nn.Module, compile: bool | str) -> Alone:
    """For a run of this network, compiled as training.network.compiled has it."""
    return Alone(compiled(model, compile), graphs=compile == GRAPHS)
