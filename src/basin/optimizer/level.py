"""One level of RMTR: a network of some depth, its weights as one vector, its loss and gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from basin.core.protocols import Closure, Parameters
from basin.optimizer.koala import exact
from basin.optimizer.pairs import Pairs
from basin.optimizer.ranks import mean_over_ranks


@dataclass(frozen=True)
class Value:
    """A level's objective at some weights."""

    losses: Tensor  # (B,), of this rank
    gradient: Tensor  # (P,), with the terms beside the mean loss


@dataclass(frozen=True)
class Terms:
    """What a level's objective has beside the mean loss: tilt . w + sum(decay w^2) / 2."""

    decay: Tensor | None  # (P,)
    tilt: Tensor | None = None  # (P,)

    def gradient(self, weights: Tensor) -> Tensor | float:
        """Of both terms, (P,)."""
        decayed = 0.0 if self.decay is None else self.decay * weights
        return decayed if self.tilt is None else decayed + self.tilt

    def decrease(self, start: Tensor, step: Tensor) -> Tensor | float:
        """Of both terms along a step (P,) from `start`, 0-d."""
        first, by = exact(step), step.to(exact(step))
        decrease: Tensor | float = 0.0
        if self.decay is not None:
            decrease = -(self.decay.to(first) * by * (start.to(first) + by / 2)).sum()
        return decrease if self.tilt is None else decrease - self.tilt.to(first) @ by


class Level:
    """A network, and the pairs that its Hessian is known by.

    cost: of one gradient, in gradients of the finest level.
    live: the run's own network, which the closure calls by itself; others are called by `evaluate`
    and keep no running statistics.
    """

    def __init__(self, model: nn.Module, pairs: Pairs, *, cost: float, live: bool) -> None:
        self.model, self.pairs, self.cost, self._live = model, pairs, cost, live
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}

    @property
    def parameters(self) -> list[Tensor]:
        """The weights as the network has them."""
        return [p.detach() for p in self._parameters.values()]

    @property
    def weights(self) -> Tensor:
        """A copy (P,)."""
        return torch.cat([p.reshape(-1) for p in self.parameters])

    @torch.no_grad()
    def write_(self, weights: Tensor) -> None:
        """Set the network's weights to (P,)."""
        torch._foreach_copy_(self.parameters, [*self.named(weights).values()])

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """Views of a vector (P,) with the names and shapes of the weights."""
        pieces = vector.split([p.numel() for p in self._parameters.values()])
        pairs = zip(self._parameters.items(), pieces, strict=True)
        return {name: piece.view(p.shape) for (name, p), piece in pairs}

    def vector(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Tensors by the names of the weights as one vector (P,)."""
        return torch.cat([tensors[name].reshape(-1) for name in self._parameters])

    def decay(self, groups: Parameters) -> Tensor | None:
        """The weight_decay of its group for each weight (P,); None where all are 0."""
        decays = {p: float(group["weight_decay"]) for group in groups for p in group["params"]}
        if not any(decays.values()):
            return None
        named = self._parameters.items()
        return self.vector({name: torch.full_like(p, decays[p]) for name, p in named})

    def value(self, closure: Closure, terms: Terms, *, track: bool = False) -> Value:
        """The objective at the present weights, on the closure's minibatch.

        A weight without gradient takes no part: the terms have none for it either.
        """
        if self._live:
            closure(track_stats=track)
        else:
            closure.evaluate(self.model, track_stats=False)
        parameters = self._parameters.values()
        absent = [n for n, p in self._parameters.items() if p.grad is None]
        gradient = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters]
        )
        gradient = gradient + terms.gradient(self.weights)
        if absent:
            named = self.named(gradient)
            torch._foreach_zero_([named[name] for name in absent])
        return Value(closure.losses.to(exact(gradient)), gradient)


def decrease(before: Value, after: Value) -> Tensor:
    """Of the mean loss over the examples of all ranks, 0-d: of differences, not of two means."""
    return mean_over_ranks(before.losses - after.losses)
