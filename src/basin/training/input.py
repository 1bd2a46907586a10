"""From a data order to normalised minibatches on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from basin.core.clock import Clock
from basin.core.order import Order
from basin.core.protocols import Augmentation, Counters, Examples, Request
from basin.core.random import CounterDraws, derive, permutation
from basin.training.distributed import Ranks

DECODE = "decode"
"""Name of the draws by which examples are decoded, beside those of the augmentations."""

Prepare = Callable[[Tensor], Tensor]
"""Images (B, C, H, W) uint8 -> normalised floats in the model's memory format."""


@dataclass(frozen=True)
class Minibatch:
    """One augmented minibatch, or a piece of one."""

    images: Tensor  # (B, C, H, W)
    targets: Tensor  # (B,) or (B, K)
    indices: Tensor  # (B,) rows of the data set
    numbers: Tensor  # (B,) draw numbers, which key all randomness
    stream: int
    first: int  # draw number that keys the noise of the first example
    share: float  # this rank's part of the examples of all ranks
    serial: int  # of the minibatch among all that were drawn, alike on every rank

    def __len__(self) -> int:
        return len(self.images)

    def pieces(self, size: int, at_least: int = 1) -> Iterator[Minibatch]:
        """Consecutive pieces of `size` examples; the last may be smaller.

        at_least: pieces that another rank has, one more than we where it has one example more:
        then the last example is a piece of its own.
        """
        starts = list(range(0, len(self), size))
        if len(starts) < at_least:
            if starts[-1] == len(self) - 1:
                raise ValueError(
                    f"pieces of {size}: another rank has {at_least} of them and this one"
                    f" {len(starts)} of {len(self)} examples; give pieces of 2 or more"
                )
            starts.append(len(self) - 1)
        if len(starts) == 1:
            yield self
            return
        for start, end in zip(starts, [*starts[1:], len(self)], strict=True):
            part = slice(start, end)
            yield replace(
                self,
                images=self.images[part],
                targets=self.targets[part],
                indices=self.indices[part],
                numbers=self.numbers[part],
                first=self.first + start,
            )


class Input:
    """Draws minibatches of the global batch size; each rank gets its share of every one."""

    def __init__(
        self,
        examples: Examples,
        order: Order,
        *,
        batch_size: int,
        augmentations: Mapping[str, Augmentation],
        prepare: Prepare,
        seed: int,
        counters: Counters,
    ) -> None:
        self.order, self.batch_size, self.prepare = order, batch_size, prepare
        self.examples, self._augmentations = examples, augmentations
        self._seed, self._counters = seed, counters
        self._clock = Clock(order.drawn, batch_size)
        self._ranks = Ranks()
        self._stream: Iterator[tuple[Tensor, Tensor]] = iter(())  # of plain draws of order 0
        self._streamed = -1  # cursor of data order 0 after the latest of them

    @property
    def t(self) -> float:
        """Epochs drawn from data order 0."""
        return self._clock.t(self.order.cursors[0])

    def draw(
        self, size: int | None, keep: int, stream: int, current: Minibatch | None
    ) -> Minibatch:
        """The next minibatch of a stream, beginning with the last `keep` examples of `current`.

        Where `current` ended its pass with fewer than `keep`, all of it is kept.
        """
        kept = 0 if current is None else min(keep, len(current))
        exactly = size is not None
        total = self.batch_size if size is None else size
        if kept >= total:
            raise ValueError(f"keep={keep} leaves nothing to draw of a minibatch of {total}")
        wanted = total - kept
        first = self.order.cursors.get(stream, 0)
        indices, numbers = self.order.next(wanted, stream=stream, exactly=exactly)
        self._counters.batches += 1
        self._counters.drawn += len(indices)
        ours = self._ranks.share(len(indices))
        share = (ours.stop - ours.start) / len(indices)
        indices, numbers = indices[ours], numbers[ours]
        if current is not None and kept:
            indices = torch.cat([current.indices[-kept:], indices])
            numbers = torch.cat([current.numbers[-kept:], numbers])
        plain = stream == 0 and not exactly and not kept
        if plain:
            images, labels = self._next(first)
        else:
            draws = self._draws(DECODE, stream, indices, numbers)
            images, labels = self.examples.fetch(indices, draws)
        images, targets = self._augmented(images, labels, indices, numbers, stream)
        return Minibatch(
            images,
            targets,
            indices,
            numbers,
            stream,
            first + ours.start,
            share,
            self._counters.batches,
        )

    def batches(self, augmented: bool, limit: int | None) -> Iterator[Tensor]:
        """Training images for BN re-estimation: a shuffled pass, or its first `limit` examples."""
        num = self.order.num if limit is None else min(limit, self.order.num)
        seed = derive(self._seed, "reestimate", self.order.cursors[0])
        device = self.examples.labels.device
        rows = permutation(seed, self.order.num, device)[:num].split(self.batch_size)
        numbers = torch.arange(num, device=device).split(self.batch_size)
        requests = (
            (part, self._draws(DECODE, -1, part, number) if augmented else None)
            for part, number in zip(rows, numbers, strict=True)
        )
        stream = self.examples.stream(requests)
        for part, number, (images, labels) in zip(rows, numbers, stream, strict=True):
            self._counters.forward_only += len(part)
            if augmented:
                yield self._augmented(images, labels, part, number, -1)[0]
            else:
                yield self.prepare(images)

    def _next(self, first: int) -> tuple[Tensor, Tensor]:
        """The next plain draw of data order 0, whose first draw number is `first`."""
        if self._streamed != first:
            self._stream = self.examples.stream(self._requests(self.order.ahead(first)))
        self._streamed = self.order.cursors[0]
        return next(self._stream)

    def _requests(self, order: Order) -> Iterator[Request]:
        """All plain draws to come, endlessly."""
        while True:
            indices, numbers = order.next(self.batch_size, stream=0, exactly=False)
            ours = self._ranks.share(len(indices))
            yield indices[ours], self._draws(DECODE, 0, indices[ours], numbers[ours])

    def _draws(self, name: str, stream: int, indices: Tensor, numbers: Tensor) -> CounterDraws:
        seed, passes = derive(self._seed, name, stream), numbers // self.order.drawn
        return CounterDraws(seed, numbers, indices=indices, passes=passes)

    def _augmented(
        self, images: Tensor, targets: Tensor, indices: Tensor, numbers: Tensor, stream: int
    ) -> tuple[Tensor, Tensor]:
        indices, numbers = indices.to(images.device), numbers.to(images.device)
        prepared = False
        for name, augmentation in self._augmentations.items():
            if augmentation.after_normalisation and not prepared:
                images, prepared = self.prepare(images), True
            draws = self._draws(name, stream, indices, numbers)
            images, targets = augmentation(images, targets, draws)
        return (images if prepared else self.prepare(images)), targets
