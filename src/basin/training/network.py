"""What the closure knows of a module besides calling it, and of how to compute a minibatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.batchnorm import RunningStatistics
from basin.core.gates import Gate
from basin.core.parameters import gradients
from basin.core.sampled import Sampled
from basin.training.distributed import Ranks
from basin.training.precision import Precision
from basin.training.synced_batchnorm import SyncedBatchNorm

BN_UPDATES = ("once", "per_chunk")
GRAPHS = "reduce-overhead"
"""The mode of torch.compile that captures CUDA graphs; without CUDA it only compiles."""


def compiled(model: nn.Module, how: bool | str) -> Any:
    """The same forward pass: eager (False), compiled (True), or compiled into GRAPHS."""
    if how is False:
        return model
    return torch.compile(model, mode=None if how is True else how)


@dataclass(frozen=True)
class Execution:
    """How a minibatch is computed; none of it changes what is computed, save BN's chunks."""

    precision: Precision
    micro_batch: int | None  # examples in one forward pass; None for all of them
    bn_update: str  # micro-batches move the running statistics `once` a step or `per_chunk`
    seed: int  # of dropout and gates


class Network:
    """What the closure needs to know of a module besides calling it."""

    def __init__(self, model: nn.Module) -> None:
        self.statistics = RunningStatistics(model)
        self.model = model
        self.gates = [m for m in model.modules() if isinstance(m, Gate)]
        self.sampled = [m for m in model.modules() if isinstance(m, Sampled)]
        self.synced = [m for m in model.modules() if isinstance(m, SyncedBatchNorm)]
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self._takes_part: list[bool] | None = None  # by parameter, on any rank

    def own_gradients_(self) -> None:
        """Copies in the place of gradients that lie in a CUDA graph's memory, of its next replay.

        An optimizer may keep a gradient over several passes, as SAM in pieces does.
        """
        with_gradient = [p for p in self.parameters if p.grad is not None]
        if with_gradient:
            copies = torch._foreach_mul(gradients(with_gradient), 1.0)
            for p, copy in zip(with_gradient, copies, strict=True):
                p.grad = copy

    def gradients(self, ranks: Ranks) -> list[Tensor]:
        """The same parameters' on every rank: zero where one took part on other ranks only.

        Which take part is settled by the first call. Raises RuntimeError where another one does.
        """
        if ranks.size == 1:
            return gradients(self.parameters)
        if self._takes_part is None:
            here = [p.grad is not None for p in self.parameters]
            self._takes_part = [any(c) for c in zip(*ranks.everyone(here), strict=True)]
        shared = []
        for p, takes_part in zip(self.parameters, self._takes_part, strict=True):
            if p.grad is None and takes_part:
                p.grad = torch.zeros_like(p)
            if p.grad is not None:
                if not takes_part:
                    raise RuntimeError(
                        f"a parameter of shape {tuple(p.shape)} has a gradient in this pass and had"
                        " none in the first one: such a model cannot be trained on several ranks"
                    )
                shared.append(p.grad)
        return shared
