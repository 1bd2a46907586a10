"""The closure that the loop hands to the optimizer: one augmented minibatch as an objective."""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.batchnorm import ChunkedStatistics
from basin.core.gates import coupled
from basin.core.parameters import gradients
from basin.core.protocols import Counters, Objective, StepSkipped
from basin.core.random import derive, seed_generators, uniform
from basin.core.sampled import sampled
from basin.training.distributed import Ranks
from basin.training.input import Input
from basin.training.minibatch import Minibatch
from basin.training.network import Execution, Network
from basin.training.passes import Compute, Pass
from basin.training.ranges import part
from basin.training.synced_batchnorm import synchronised
from basin.training.tally import ADVICE, NonFinite, Tally


class MinibatchClosure:
    """core.protocols.Closure over the minibatches of an `Input`."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        data: Input,
        *,
        execution: Execution,
        counters: Counters,
        tally: Tally,
        compute: Compute,
    ) -> None:
        """compute: does the passes (training.passes)."""
        self.model, self.input, self.tally = model, data, tally
        self.losses = torch.empty(0)
        self._objective, self._execution, self._counters = objective, execution, counters
        self._compute = compute
        self._ranks = Ranks()
        self._networks: weakref.WeakKeyDictionary[nn.Module, Network] = weakref.WeakKeyDictionary()
        self._batch: Minibatch | None = None
        self._whole = 0  # examples of the minibatch that this closure is a chunk of; 0: not one
        self._chunked: dict[int, ChunkedStatistics] = {}  # by id of the module

    @property
    def seed(self) -> int:
        """Of dropout, gates and everything else that is noise."""
        return self._execution.seed

    @property
    def batch(self) -> Minibatch:
        """The present minibatch."""
        if self._batch is None:
            raise RuntimeError("closure used before its first resample()")
        return self._batch

    @property
    def size(self) -> int:
        """Examples in this minibatch or chunk, on all ranks."""
        return self.batch.size

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """Go to the next minibatch of a stream; see core.protocols.Closure."""
        with part("input"):
            self._batch = self.input.draw(size, keep, stream, self._batch)

    def chunks(self, size: int) -> Iterator[MinibatchClosure]:
        """This minibatch in pieces of `size` examples of each rank, each a closure."""
        if size < 1:
            raise ValueError(f"chunks of {size} examples: give 1 or more")
        whole = self._whole or self.size
        chunked: dict[int, ChunkedStatistics] = self._chunked if self._whole else {}
        for piece in self.batch.pieces(size):
            chunk = copy.copy(self)
            chunk._batch, chunk._whole, chunk._chunked = piece, whole, chunked
            yield chunk

    def __call__(
        self,
        *,
        track_stats: bool = True,
        backward: bool = True,
        sync: bool = True,
        coupled_gates: bool = False,
    ) -> Tensor:
        """Mean loss and gradient of the run's model; see core.protocols.Closure."""
        return self.evaluate(
            self.model,
            track_stats=track_stats,
            backward=backward,
            sync=sync,
            coupled_gates=coupled_gates,
        )

    def evaluate(
        self,
        model: nn.Module,
        *,
        track_stats: bool = True,
        backward: bool = True,
        sync: bool = True,
        coupled_gates: bool = False,
    ) -> Tensor:
        """Mean loss and gradient of any module on this minibatch; see core.protocols.Closure."""
        network = self._network(model)
        if not model.training:
            model.train()
        if backward:
            model.zero_grad(set_to_none=True)
        if not self._whole:
            self._chunked = {}
        together = sync and self._ranks.size > 1 and bool(network.synced)
        divisor = self.size if sync else len(self.batch)
        losses = []
        with (
            torch.set_grad_enabled(backward),
            coupled(network.gates) if coupled_gates else _nothing(),
            sampled(network.sampled, uniform(self._execution.seed, "sample", self.batch.serial)),
            synchronised(network.synced) if together else _nothing(),
        ):
            for piece in self.batch.pieces(self._execution.micro_batch or self.size):
                with self._statistics(model, network, piece, track_stats):
                    losses.append(self._piece(network, piece, track_stats, backward, divisor))
                    if track_stats and not together:
                        self._ranks.mean_(network.statistics.floats, len(piece) / piece.size)
        self.losses = losses[0] if len(losses) == 1 else torch.cat(losses)
        self._count(backward)
        if self._ranks.size > 1:  # whatever is drawn next is drawn alike on every rank
            seed = derive(self._execution.seed, self.batch.stream, self.batch.common)
            seed_generators(seed, self.batch.images.device)
        loss = self.losses.sum() / self.size if self._ranks.size > 1 else self.losses.mean()
        if backward:
            self._unscale(model, network)
        self._ranks.sum_([*(network.gradients(self._ranks) if backward and sync else []), loss])
        return loss

    def _network(self, model: nn.Module) -> Network:
        if model not in self._networks:
            self._networks[model] = Network(model)
        return self._networks[model]

    def _statistics(
        self, model: nn.Module, network: Network, piece: Minibatch, track_stats: bool
    ) -> contextlib.AbstractContextManager[Any]:
        """What this piece does to the BN running statistics."""
        if not track_stats:
            return network.statistics.still()
        whole = self._whole or self.size
        if piece.size == whole or (not self._whole and self._execution.bn_update == "per_chunk"):
            return _nothing()
        key = id(model)
        if key not in self._chunked:
            self._chunked[key] = network.statistics.chunked()
        return self._chunked[key].chunk(piece.size / whole)

    def _piece(
        self, network: Network, piece: Minibatch, track_stats: bool, backward: bool, divisor: int
    ) -> Tensor:
        """Losses (b,) of one forward pass; with `backward`, their sum's gradient over `divisor`."""
        scale = self._execution.precision.scale
        one = Pass(
            network,
            piece,
            self._objective,
            self._execution,
            factor=(scale.scale if scale else 1.0) / divisor if backward else None,
            track_stats=track_stats,
            own=network.model is self.model,
            whole=piece.size == (self._whole or self.size),
        )
        logits, losses = self._compute(one)
        if track_stats and backward:
            self.tally.add(losses, logits, piece.targets, num=piece.size)
        return losses

    def _count(self, backward: bool) -> None:
        if backward:
            self._counters.examples += self.size
        else:
            self._counters.forward_only += self.size

    def _unscale(self, model: nn.Module, network: Network) -> None:
        """True gradients; StepSkipped where they overflowed, NonFinite if at scale 1."""
        scale = self._execution.precision.scale
        if scale is None:
            return
        overflow = self._ranks.any(scale.unscale_(gradients(network.parameters)))
        if overflow and scale.scale == 1.0:
            raise NonFinite(f"fp16 gradients overflow even at loss scale 1; {ADVICE}")
        scale.update(overflow)
        if overflow:
            model.zero_grad(set_to_none=True)
            raise StepSkipped(f"fp16 gradients overflowed; the loss scale is now {scale.scale}")


def _nothing() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()
