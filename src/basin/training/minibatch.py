"""One augmented minibatch, and how it is cut on every rank alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from torch import Tensor


@dataclass(frozen=True)
class Minibatch:
    """This rank's part of a minibatch, or of a piece of one."""

    images: Tensor  # (B, C, H, W)
    targets: Tensor  # (B,) or (B, K)
    indices: Tensor  # (B,) rows of the data set
    numbers: Tensor  # (B,) draw numbers, which key all randomness
    stream: int
    first: int  # draw number that keys the noise of the first example
    common: int  # the same on every rank, and for one rank `first`
    parts: tuple[int, ...]  # examples on every rank
    whole: tuple[Tensor, Tensor]  # indices and numbers of the whole minibatch, on all ranks
    serial: int  # of the minibatch among all that were drawn, alike on every rank

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Examples on all ranks."""
        return sum(self.parts)

    def pieces(self, size: int) -> Iterator[Minibatch]:
        """Consecutive pieces of `size` examples of each rank; the last may be smaller.

        Every rank has as many pieces, none of them empty. Raises ValueError where that cannot be.
        """
        num = ceil(max(self.parts) / size)
        if num == 1:
            yield self
            return
        if num > min(self.parts):
            raise ValueError(
                f"a minibatch of {self.size} examples on {len(self.parts)} ranks cannot be cut into"
                f" pieces of {size} on each: use drop_last=true, another batch_size, or fewer ranks"
            )
        ranks = [cut(part, size, num) for part in self.parts]
        bounds = cut(len(self), size, num)
        for index in range(num):
            start, end = bounds[index], bounds[index + 1]
            yield replace(
                self,
                images=self.images[start:end],
                targets=self.targets[start:end],
                indices=self.indices[start:end],
                numbers=self.numbers[start:end],
                first=self.first + start,
                common=self.common + index * size,
                parts=tuple(rank[index + 1] - rank[index] for rank in ranks),
            )


def cut(length: int, size: int, num: int) -> list[int]:
    """Bounds of `num` pieces of `size`; the last ones are smaller, so that none is empty."""
    return [*(min(index * size, length - num + index) for index in range(num)), length]
