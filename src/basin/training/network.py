"""What the closure knows of a module besides calling it, and of how to compute a minibatch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from basin.core.batchnorm import RunningStatistics
from basin.core.gates import Gate
from basin.core.sampled import Sampled
from basin.training.precision import Precision

BN_UPDATES = ("once", "per_chunk")


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
        self.parameters = [p for p in model.parameters() if p.requires_grad]
