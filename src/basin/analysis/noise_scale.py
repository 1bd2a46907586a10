"""The simple noise scale of gradients (McCandlish et al. 2018, arXiv:1812.06162, appendix A.1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import inf

import torch
from torch import nn

from basin.analysis.flatness import chunks
from basin.analysis.landscape import Landscape
from basin.analysis.points import Pass
from basin.core.protocols import Objective


@dataclass(frozen=True)
class NoiseScale:
    """Of one point. Either estimate may be below 0, where its error is larger than it."""

    square: float  # |G|^2, of the mean gradient
    trace: float  # tr(Sigma), of the covariance of one example's gradient

    @property
    def simple(self) -> float:
        """tr(Sigma) / |G|^2, in examples; inf where no mean gradient is found in the noise."""
        return self.trace / self.square if self.square > 0 else inf


def noise_scale(network: nn.Module, objective: Objective, batches: Pass, *, m: int) -> NoiseScale:
    """Unbiased |G|^2 and tr(Sigma) from gradients of m examples and of all N in the batches.

    E|g_m|^2 = |G|^2 + tr(Sigma) / m, and of N likewise, where examples are independent draws: two
    equations. Chunks of other sizes count by their own 1 / m. One gradient pass; BN statistics are
    held, weight decay has no part. ValueError as check_chunks has it.
    Differs: the two are averaged over the chunks of one pass, not over the steps of a training.
    """
    check_chunks(batches, m)
    landscape = Landscape(network, objective, batches)
    total = torch.zeros_like(landscape.origin)
    squares, inverses = torch.zeros_like(total[0]), 0.0
    count = number = 0
    with landscape.kept():
        for chunk in chunks(batches, m):
            size = sum(len(images) for images, _ in chunk())
            gradient = landscape.gradient(landscape.origin, chunk())
            squares += gradient.square().sum()
            total += size * gradient
            inverses += 1 / size
            count, number = count + size, number + 1
    small, big = (squares / number).item(), (total / count).square().sum().item()
    trace = (small - big) / (inverses / number - 1 / count)
    return NoiseScale(square=big - trace / count, trace=trace)


def check_chunks(batches: Pass, m: int) -> None:
    """ValueError where an m is more than a batch has, or there is one chunk: nothing to compare."""
    if len([*islice(chunks(batches, m), 2)]) < 2:
        raise ValueError(f"m={m}: all examples are one chunk, and one gradient has no noise: lower")
