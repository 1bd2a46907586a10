"""A run in small, built by hand: 3 classes of 40 noisy 6 x 6 images, a net with BN and dropout."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from basin.core.images import Normalise
from basin.core.order import Order
from basin.core.protocols import Counters, Stage, TrainState
from basin.core.scale_invariance import ScaleInvariant
from basin.dataset.resident import Resident
from basin.optimizer.sgd import SGD
from basin.training.bookkeeping import Bookkeeping
from basin.training.closure import MinibatchClosure
from basin.training.dynamics import Dynamics
from basin.training.input import Input
from basin.training.loop import fit
from basin.training.meter import Intervals
from basin.training.network import Execution
from basin.training.passes import alone
from basin.training.precision import Precision
from basin.training.reporting import Evaluator
from basin.training.scheduling import Scheduling
from basin.training.snapshot import Parts, restore, snapshot
from basin.training.tally import Tally

NUM, CLASSES, BATCH = 120, 3, 16
CPU = torch.device("cpu")


class Net(ScaleInvariant):
    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x):
        return self.fc(self.drop(F.relu(self.bn(self.conv(x)))).mean((2, 3)))


def examples() -> Resident:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(NUM) % CLASSES
    images = torch.randint(0, 120, (NUM, 1, 6, 6), generator=generator)
    images[:, :, :2] += 40 * labels[:, None, None, None]
    return Resident(images.to(torch.uint8), labels)


def prepare(dtype: torch.dtype, device: torch.device = CPU):
    half = torch.tensor([0.5], device=device)
    return lambda images: Normalise(
        half, half, width=images.shape[3], dtype=dtype, channels_last=True
    )(images)


def cross_entropy(logits, targets):
    return F.cross_entropy(
        logits.float() if logits.dtype == torch.bfloat16 else logits, targets, reduction="none"
    )


def sgd(groups, lr=0.1, weight_decay=5e-4):
    return SGD(
        groups,
        lr=lr,
        momentum=0.9,
        dampening=0.0,
        nesterov=True,
        weight_decay=weight_decay,
        reset_on_drop=False,
    )


@dataclass
class Sink:
    lines: list[dict[str, Any]] = field(default_factory=list)

    def epoch(self, line):
        self.lines.append(line)

    def progress(self, line):
        pass

    def save(self, content):
        pass


def build(
    method,
    *,
    epochs: float = 4.0,
    precision: Precision | None = None,
    dropout: float = 0.3,
    batch_size: int = BATCH,
    micro_batch: int | None = None,
    bn_update: str = "once",
    augmentations=(),
    model=None,
    device: torch.device = CPU,
    compile: bool | str = False,
    compute=None,
    seed: int = 7,
) -> Parts:
    """`method(groups, model) -> (optimizer, averagers, schedules)` in a run of its own."""
    precision = precision or Precision("fp64", CPU)
    torch.manual_seed(seed)
    network = (model() if model else Net(dropout)).to(
        device, precision.parameters, memory_format=torch.channels_last
    )
    groups = [{"params": list(network.parameters())}]
    optimizer, averagers, schedules = method(groups, network)
    counters = Counters()
    order = Order(num=NUM, drawn=NUM, seed=seed - 4, device=device)
    data = Input(
        examples().to(device),
        order,
        batch_size=batch_size,
        augmentations=dict(augmentations),
        prepare=prepare(precision.parameters, device),
        seed=seed - 2,
        counters=counters,
    )
    closure = MinibatchClosure(
        network,
        cross_entropy,
        data,
        execution=Execution(precision, micro_batch, bn_update, seed + 4),
        counters=counters,
        tally=Tally(device),
        compute=compute or alone(network, compile),
    )
    state = TrainState(
        network, optimizer, schedules, averagers, Stage(epochs, 0.0, False), counters
    )
    scheduling = Scheduling(schedules, optimizer)
    return Parts(state, closure, precision, Dynamics(network, per_tensor=False), scheduling)


class Stop(Exception):
    pass


class Around(Bookkeeping):
    """Bookkeeping without files that stops, as a kill would, before update number `stop`."""

    def __init__(self, parts: Parts, stop: int | None = None) -> None:
        evaluator = Evaluator(
            {"test": examples()}, prepare(parts.precision.parameters), parts.precision, 50
        )
        self.sink, self.stop = Sink(), stop
        super().__init__(
            parts,
            evaluator,
            intervals=Intervals(1.0, 1.0),
            output=self.sink,
            interrupted=lambda: False,
            header=lambda epoch: {},
        )

    def _write(self):
        pass

    def check(self, state):
        if self.stop is not None and state.counters.step == self.stop:
            raise Stop


def train(parts: Parts) -> Around:
    around = Around(parts)
    fit(parts.state, parts.closure, around)
    return around


def train_with_kill(make, stop: int) -> Parts:
    """Train to `stop`, pass the state through a file, continue with freshly built objects."""
    first = make()
    try:
        fit(first.state, first.closure, Around(first, stop))
    except Stop:
        pass
    else:
        raise AssertionError(f"the run ended before update {stop}")
    file = io.BytesIO()
    torch.save(snapshot(first), file)
    file.seek(0)
    second = make()
    torch.manual_seed(99)  # whatever the new process has drawn before
    restore(second, torch.load(file, weights_only=True))
    fit(second.state, second.closure, Around(second))
    return second


def weights(parts: Parts) -> list[torch.Tensor]:
    return [v.clone() for v in parts.state.model.state_dict().values()]


def same(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(a, b) for a, b in zip(left, right, strict=True)
    )
