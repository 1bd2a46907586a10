"""Networks of which each minibatch draws another, and whose loss has a term of their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn


class Sampled(nn.Module):
    """A family of networks; outside the passes over a minibatch it is its representative."""

    def sample_(self, u: float) -> None:
        """Be the network of a number u in [0, 1)."""
        raise NotImplementedError

    def settle_(self) -> None:
        """Be the representative again."""
        raise NotImplementedError

    def penalty(self) -> Tensor:
        """What the loss of every example has beside the objective: 0-d, of the present network."""
        raise NotImplementedError


@contextmanager
def sampled(modules: Sequence[Sampled], u: float) -> Iterator[None]:
    """Passes inside are those of the networks that u draws."""
    for module in modules:
        module.sample_(u)
    try:
        yield
    finally:
        for module in modules:
            module.settle_()
