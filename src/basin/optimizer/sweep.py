"""The minibatches of one pass over the data, each overlapping the one before; and how large.

Kopaničáková and Krause 2023 (arXiv:2107.07572), the hybrid of deterministic and stochastic RMTR.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from basin.core.protocols import Closure
from basin.optimizer.ranges import above_0, at_least_0, below_1


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """How minibatches overlap, and when they grow.

    overlap: share of a minibatch that it has in common with the one before.
    growth: factor of the size where the ratio of full to minibatch decrease is below zeta.
    """

    overlap: float
    growth: float
    zeta: float | None

    def __post_init__(self) -> None:
        below_1(overlap=self.overlap)
        above_0(growth=self.growth)
        if self.growth <= 1:
            raise ValueError(f"growth={self.growth} must be above 1: it enlarges minibatches")
        if self.zeta is not None:
            at_least_0(zeta=self.zeta)

    def after(self, size: int, ratio: float, examples: int) -> int:
        """The size of the minibatches after a pass whose global ratio was `ratio`."""
        if self.zeta is None or not ratio < self.zeta:
            return size
        return min(examples, math.ceil(size * self.growth))


def minibatches(closure: Closure, size: int, overlap: float, examples: int) -> Iterator[None]:
    """Makes the closure go through the rest of its pass over `examples`, by `size` at a time.

    The minibatch that the closure has begins the first one. Each of the others has the last
    `overlap` of the one before in front, the last of the pass as many more as it lacks itself.
    """
    left = examples - closure.size
    fresh = min(size - closure.size, left)
    if fresh > 0:
        closure.resample(size=closure.size + fresh, keep=closure.size)
        left -= fresh
    yield
    while left > 0:
        fresh = min(size - round(overlap * size), left)
        closure.resample(size=size, keep=size - fresh)
        left -= fresh
        yield


def minibatches_of_all(closure: Closure, size: int, examples: int) -> Iterator[float]:
    """Makes the closure go through all examples once, in data order 1; the share of each piece."""
    for first in range(0, examples, size):
        num = min(size, examples - first)
        closure.resample(size=num, stream=1)
        yield num / examples
