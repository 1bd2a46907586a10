"""Data order as a pure function of (seed, stream, draw); its whole state is one cursor a stream."""

from __future__ import annotations

import torch
from torch import Tensor

from basin.core.random import derive, permutation


class Order:
    """Endless shuffled passes over `num` examples, `drawn` of each; streams are independent orders.

    drawn < num drops the partial batch at the end of each pass.
    """

    def __init__(self, *, num: int, drawn: int, seed: int, device: torch.device) -> None:
        self.num, self.drawn = num, drawn
        self._seed, self._device = seed, device
        self.cursors: dict[int, int] = {0: 0}  # stream -> examples drawn from it
        self._passes: dict[int, tuple[int, Tensor]] = {}  # stream -> (pass, its permutation)

    def next(self, size: int, *, stream: int, exactly: bool) -> tuple[Tensor, Tensor]:
        """Indices into the data set and draw numbers of the next examples, both (B,) int64.

        A minibatch ends with its pass unless `exactly` that many examples are wanted.
        """
        start = self.cursors.get(stream, 0)
        if not exactly:
            size = min(size, self.drawn - start % self.drawn)
        pieces, cursor = [], start
        while cursor < start + size:
            number, position = divmod(cursor, self.drawn)
            end = min(self.drawn, position + start + size - cursor)
            pieces.append(self._pass(stream, number)[position:end])
            cursor += end - position
        self.cursors[stream] = cursor
        numbers = torch.arange(start, cursor, device=self._device)
        return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)), numbers

    def ahead(self, cursor: int) -> Order:
        """Stream 0 from another cursor on, as an order of its own."""
        order = Order(num=self.num, drawn=self.drawn, seed=self._seed, device=self._device)
        order.cursors[0] = cursor
        return order

    def _pass(self, stream: int, number: int) -> Tensor:
        cached = self._passes.get(stream)
        if cached is None or cached[0] != number:
            seed = derive(self._seed, "order", stream, number)
            self._passes[stream] = (number, permutation(seed, self.num, self._device))
        return self._passes[stream][1]
