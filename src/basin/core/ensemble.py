"""Several networks as one predictor, one in memory at a time: the mean of their softmaxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Several(Protocol):
    """A predictor that is more than one network."""

    @property
    def passes(self) -> int:
        """Forward passes of one prediction."""
        ...


def passes(module: nn.Module) -> int:
    """Forward passes of one prediction."""
    return module.passes if isinstance(module, Several) else 1


class Combined:
    """The logarithm of the mean of softmaxes, taken in one network after the other.

    One network's logits come back as they went in. Outputs with one column are no logits: theirs
    is the plain mean.
    """

    def __init__(self) -> None:
        self.num = 0  # networks so far
        self._sum: Tensor | None = None  # (N, K): of softmaxes, its logarithm; or of outputs
        self._only: Tensor | None = None

    def add(self, logits: Tensor, num: int = 1) -> None:
        """Logits (N, K) of one network, or of the combination of `num`."""
        weighed = num * logits if logits.shape[1] == 1 else logits.log_softmax(1) + log(num)
        if self._sum is None:
            self._only, self._sum = logits, weighed
        else:
            self._only = None
            one_column = logits.shape[1] == 1
            self._sum = self._sum + weighed if one_column else torch.logaddexp(self._sum, weighed)
        self.num += num

    def logits(self) -> Tensor:
        """Logits (N, K) of what has been taken in."""
        if self._only is not None:
            return self._only
        if self._sum is None:
            raise ValueError("an ensemble of no networks predicts nothing")
        return self._sum / self.num if self._sum.shape[1] == 1 else self._sum - log(self.num)


@dataclass(frozen=True)
class Member:
    """One network of an ensemble."""

    name: str  # of its file
    read: Callable[[], dict[str, Tensor]]  # its state dictionary
    stored: bool  # its file lies in the run folder already


class Ensemble(nn.Module):
    """The mean of the members' softmaxes, by one network that is given their weights in turn."""

    def __init__(self, network: nn.Module, members: Sequence[Member]) -> None:
        super().__init__()
        self.network, self.members = network, tuple(members)

    @property
    def passes(self) -> int:
        """Forward passes of one prediction."""
        return len(self.members)

    def each(self, first: int = 0) -> Iterator[nn.Module]:
        """The network as each member, from number `first` on; one lives until the next."""
        for member in self.members[first:]:
            self.network.load_state_dict(member.read())
            yield self.network

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Every member's tensors; the network's own are whichever was read last."""
        return {f"{m.name}.{key}": value for m in self.members for key, value in m.read().items()}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K)."""
        combined = Combined()
        for network in self.each():
            combined.add(network(images))
        return combined.logits()
