"""Ranks of one run: which examples are ours, and what is averaged over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor
from torch import distributed as dist


class Ranks:
    """The process group that torch.distributed has; one rank where it is not initialised."""

    def __init__(self) -> None:
        several = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if several else 0
        self.size = dist.get_world_size() if several else 1

    def share(self, num: int) -> slice:
        """Our part of `num` examples in order; parts differ by at most one example."""
        return slice(num * self.rank // self.size, num * (self.rank + 1) // self.size)

    def pieces(self, num: int, size: int) -> int:
        """Pieces of `size` examples on the rank with most of `num`: each is a collective call."""
        return ceil(ceil(num / self.size) / size)

    @torch.no_grad()
    def mean_(self, tensors: Sequence[Tensor], weight: float) -> None:
        """Weighted mean over ranks, in place; our weight is our share of the examples."""
        if self.size == 1:
            return
        torch._foreach_mul_(list(tensors), weight)
        for tensor in tensors:
            dist.all_reduce(tensor)

    def any(self, flag: Tensor) -> bool:
        """Whether the flag (0-d float) is positive on any rank: one host read."""
        if self.size > 1:
            dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item() > 0)
