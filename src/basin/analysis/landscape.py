"""Loss and error of a network as functions of its weights, on data that are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from basin.analysis.points import Pass
from basin.analysis.vectors import flat, pieces, put_, weights_of
from basin.core.protocols import Objective
from basin.core.random import derive

Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Score:
    """Of one point."""

    loss: float  # mean of the objective
    error: float  # in per cent


class Landscape:
    """Scores and gradients at weights (P,) float64, in eval mode: BN statistics are held.

    Each score is one forward pass over the batches. The network's weights come back at the end of
    `with landscape.kept():`.
    """

    def __init__(self, network: nn.Module, objective: Objective, batches: Pass) -> None:
        self._network, self._objective = network.eval(), objective
        self._parameters = [*network.parameters()]
        self.batches, self.origin = batches, weights_of(network)

    @property
    def shapes(self) -> Sequence[Tensor]:
        """The parameters, for their shapes."""
        return self._parameters

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put the first weights back afterwards."""
        try:
            yield
        finally:
            put_(self._network, self.origin)

    @torch.no_grad()
    def score(
        self, weights: Tensor, batches: Iterable[tuple[Tensor, Tensor]] | None = None
    ) -> Score:
        """Of a whole pass, or of the given batches; one wait for the device."""
        put_(self._network, weights)
        sums, count = torch.zeros(2, dtype=torch.float64, device=weights.device), 0
        for images, targets in self.batches() if batches is None else batches:
            logits = self._network(images)
            labels = targets if targets.ndim == 1 else targets.argmax(1)
            loss = self._objective(logits, targets).sum()
            sums += torch.stack([loss.double(), (logits.argmax(1) != labels).sum().double()])
            count += len(images)
        loss, wrong = (sums / count).tolist()
        return Score(loss, 100 * wrong)

    def gradient(self, weights: Tensor, batches: Batches) -> Tensor:
        """(P,) float64, of the mean objective over the batches."""
        put_(self._network, weights)
        total, count = torch.zeros_like(weights), 0
        for images, targets in batches:
            loss = self._objective(self._network(images), targets).sum()
            parts = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
            total += flat(parts).double()
            count += len(images)
        return total / count

    def noise(self, *keys: int | str) -> Tensor:
        """Standard normal numbers (P,) float64, a function of the keys, alike on every device."""
        generator = torch.Generator().manual_seed(derive(*keys))
        drawn = torch.randn(len(self.origin), generator=generator)
        return drawn.to(self.origin)

    def filter_normalised(self, direction: Tensor) -> Tensor:
        """A direction (P,) of which each filter has the norm of the weights' (Li et al. 2018).

        Filters are the slices of the first dimension; tensors of one dimension (biases, BN) do not
        move (arXiv:1712.09913, section 4).
        """
        parts = []
        like = zip(pieces(direction, self.shapes), pieces(self.origin, self.shapes), strict=True)
        for d, w in like:
            if d.ndim < 2:
                parts.append(torch.zeros_like(d))
                continue
            rest = tuple(range(1, d.ndim))
            own = torch.linalg.vector_norm(w, dim=rest, keepdim=True)
            drawn = torch.linalg.vector_norm(d, dim=rest, keepdim=True)
            parts.append(d * own / drawn)
        return flat(parts)
