"""What a pass over minibatches gained on all examples: the global ratio of dynamic sample sizes.

Kopaničáková and Krause 2023 (arXiv:2107.07572).
"""

from __future__ import annotations

from torch import Tensor

from basin.core.protocols import Closure
from basin.optimizer.koala import exact
from basin.optimizer.level import Level
from basin.optimizer.ranks import mean_over_ranks
from basin.optimizer.sweep import minibatches_of_all

COST = 2 / 3
"""Of one measurement: two forward passes of all examples, each a third of a gradient."""


def full_decrease(
    level: Level, closure: Closure, start: Tensor, *, size: int, examples: int
) -> Tensor:
    """Mean loss at weights `start` (P,) less that at the present ones, 0-d, by `size` examples.

    Both are of the same augmented examples; BN normalises by the statistics of each piece.
    """
    end = level.weights
    total = start.new_zeros((), dtype=exact(start))
    for share in minibatches_of_all(closure, size, examples):
        losses = _losses(level, closure, start)
        total = total + share * mean_over_ranks(losses - _losses(level, closure, end))
    return total


def _losses(level: Level, closure: Closure, weights: Tensor) -> Tensor:
    """Of the closure's examples (B,); the weights are left so."""
    level.write_(weights)
    closure(track_stats=False, backward=False)
    return closure.losses.to(exact(weights))
