"""Ranks of one run: which examples are ours, and what is summed over or told to all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from basin.core.group import rank_and_size

BUCKET_BYTES = 32 << 20
"""Tensors are summed in flat buffers of about this size, the next one filled meanwhile."""


class Ranks:
    """The process group that torch.distributed has; one rank where it is not initialised."""

    def __init__(self) -> None:
        self.rank, self.size = rank_and_size()

    def share(self, num: int) -> slice:
        """Our part of `num` examples in order; parts differ by at most one example."""
        return slice(num * self.rank // self.size, num * (self.rank + 1) // self.size)

    def shares(self, num: int) -> tuple[int, ...]:
        """How many of `num` examples each rank has."""
        bounds = [num * rank // self.size for rank in range(self.size + 1)]
        return tuple(end - start for start, end in zip(bounds, bounds[1:], strict=False))

    @torch.no_grad()
    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Sum over ranks, in place; the same tensors in the same order on every rank."""
        if self.size == 1:
            return
        works = []
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            works.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
        for bucket, flat, work in works:
            work.wait()
            pieces = flat.split([tensor.numel() for tensor in bucket])
            shaped = [piece.view(t.shape) for piece, t in zip(pieces, bucket, strict=True)]
            torch._foreach_copy_(bucket, shaped)

    @torch.no_grad()
    def mean_(self, tensors: Sequence[Tensor], weight: float) -> None:
        """Weighted mean over ranks, in place; our weight is our share of the examples."""
        if self.size > 1 and tensors:
            torch._foreach_mul_(list(tensors), weight)
            self.sum_(tensors)

    def any(self, flag: Tensor) -> bool:
        """Whether the flag (0-d float) is positive on any rank: one host read."""
        if self.size > 1:
            dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item() > 0)

    def gather(self, rows: Tensor, num: int) -> Tensor:
        """The `num` rows of all ranks, of which ours are those of `share`, in order."""
        if self.size == 1:
            return rows
        nums = self.shares(num)
        padded = rows.new_zeros(max(nums), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in nums]
        dist.all_gather(parts, padded)
        return torch.cat([part[:n] for part, n in zip(parts, nums, strict=True)])

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank: plain values and tensors on the CPU."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def everyone(self, value: Any) -> list[Any]:
        """The plain values of all ranks."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values


class Agreed:
    """A question that each rank answers for itself, and all act on alike: the largest answer.

    Over several ranks it is asked while the step goes on, and what is read is the answer of the
    step before, so that no step waits for it.
    """

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask, self._several = ask, Ranks().size > 1
        self._pending: tuple[Tensor, Any] | None = None

    def __call__(self) -> int:
        """Call equally often on every rank."""
        if not self._several:
            return self._ask()
        before = self._pending
        answer = torch.tensor(self._ask())
        work = dist.all_reduce(answer, op=dist.ReduceOp.MAX, async_op=True)
        self._pending = answer, work
        if before is None:
            return 0
        before[1].wait()
        return int(before[0])


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one dtype and device, in order, until there are BUCKET_BYTES of them."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size >= BUCKET_BYTES or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel() * tensor.element_size()
    if bucket:
        yield bucket
