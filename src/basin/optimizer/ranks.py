"""What ranks have to agree on beside the gradient: means over all examples, and noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributed as dist

from basin.core.random import derive


def several() -> bool:
    """Whether other processes take part."""
    return dist.is_available() and dist.is_initialized()


def number_of_ranks() -> int:
    """Processes of the run."""
    return dist.get_world_size() if several() else 1


def mean_over_ranks(values: Tensor) -> Tensor:
    """Mean, 0-d, over the examples (b,) of all ranks: the same number on each of them."""
    if not several():
        return values.mean()
    sums = torch.stack([values.sum(), torch.ones_like(values).sum()])
    dist.all_reduce(sums)
    return sums[0] / sums[1]


@torch.no_grad()
def sum_over_ranks_(tensors: Sequence[Tensor]) -> None:
    """Sums over ranks in place."""
    if several():
        for tensor in tensors:
            dist.all_reduce(tensor)


def common_noise(seed: int, *keys: int, device: torch.device) -> torch.Generator | None:
    """A generator that draws alike on all ranks; None, torch's own, where there is one process.

    A rank's own generator is in a state of its own after the forward pass of its own examples.
    """
    if not several():
        return None
    return torch.Generator(device).manual_seed(derive(seed, *keys))
