"""The four seams: Optimizer, Schedule, Averager, Stage; and the closure that the loop hands out.

Shape legend of the project: B batch, C channels, H W pixels, K classes, M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from basin.core.scores import Score

Parameters = list[dict[str, Any]]
"""Parameter groups as torch.optim has them: every field of a group can be scheduled."""

Batches = Callable[[bool, int | None], Iterator[Tensor]]
"""`batches(augmented, limit)`: up to `limit` training images (B, C, H, W) for BN re-estimation."""


class StepSkipped(Exception):
    """fp16 gradients overflowed: the scale is lowered; whoever moved weights restores them."""


class Closure(Protocol):
    """The minibatch objective, as every optimizer sees it (architecture, section 1).

    Until `resample`, every call sees the same images and draws the same dropout and gates.
    """

    model: nn.Module
    losses: Tensor  # (B,) of the latest call, on this rank

    @property
    def size(self) -> int:
        """Examples in this minibatch or chunk, on all ranks."""
        ...

    def __call__(
        self,
        *,
        track_stats: bool = True,
        backward: bool = True,
        sync: bool = True,
        coupled_gates: bool = False,
    ) -> Tensor:
        """Mean loss (0-d, on the device); with `backward`, the true gradient in every `p.grad`.

        track_stats: the BN running statistics move; batch statistics normalise either way.
        sync: average the gradient over ranks.
        coupled_gates: Shake-Shake and ShakeDrop use their forward coefficients in backward.
        Raises StepSkipped where fp16 gradients overflow.
        """
        ...

    def resample(self, size: int | None = None, keep: int = 0, stream: int = 0) -> None:
        """The next minibatch of a data order, beginning with the last `keep` examples of this."""
        ...

    def chunks(self, size: int) -> Iterator[Closure]:
        """This minibatch in pieces of `size` examples of each rank, each a closure.

        The last may be smaller.
        """
        ...

    def evaluate(
        self,
        model: nn.Module,
        *,
        track_stats: bool = True,
        backward: bool = True,
        sync: bool = True,
        coupled_gates: bool = False,
    ) -> Tensor:
        """`__call__` for another module on the same augmented minibatch."""
        ...


class Optimizer(Protocol):
    """Seam 1. Every torch.optim.Optimizer satisfies it as it is.

    A factory is called with the parameter groups; one that names `model` among its arguments
    gets the network too (an optimizer that owns replicas or levels of it; docs/adr/0001).
    """

    @property
    def param_groups(self) -> Parameters:
        """As torch.optim's."""
        ...

    def step(self, closure: Any) -> Any:
        """One update of the weights; returns the loss at the weights before it."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed optimizer needs, as tensors and plain values."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        ...


class Schedule(Protocol):
    """Seam 2. Factor, dimensionless, of the value that a param-group field had when built."""

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        ...

    def observe(self, state: TrainState) -> None:
        """Look at the state after an update (feedback schedules only)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a feedback schedule has learnt; empty for a pure one."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        ...


@runtime_checkable
class Ending(Protocol):
    """A feedback schedule that can end its stage: what `until` of a stage may name."""

    @property
    def done(self) -> bool:
        """Whether it has nothing more to do; a function of its state."""
        ...


@runtime_checkable
class Composed(Protocol):
    """A schedule of others, one after another."""

    @property
    def last(self) -> Schedule:
        """The one that acts in the end, whose end is its own."""
        ...


@runtime_checkable
class Fitting(Protocol):
    """A schedule with parts, all of which are to act in a run."""

    def check_run(self, epochs: float) -> None:
        """Raise ValueError, argument first, where one of them never would in so many epochs."""
        ...


def ending(schedule: Schedule | None) -> Ending | None:
    """The feedback schedule whose end is that of this one; None where it has none."""
    while isinstance(schedule, Composed):
        schedule = schedule.last
    return schedule if isinstance(schedule, Ending) else None


@dataclass(frozen=True)
class Solution:
    """Weights that an averager hands back for the loop to write into the live model."""

    weights: Sequence[Tensor]  # in the order of model.parameters()
    buffers: Sequence[Tensor] | None  # in the order of model.buffers(); None keeps the live ones
    reset_momentum: bool


class Averager(Protocol):
    """Seam 3. Another answer to "which weights are evaluated"."""

    def observe(self, state: TrainState) -> None:
        """Look at the state after an update."""
        ...

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """(name, module) of each solution there is; modules give logits (B, K) in eval mode."""
        ...

    def restart(self, state: TrainState, batches: Batches) -> Solution | None:
        """A solution for the live weights, once; None to leave them."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed averager needs, as tensors and plain values."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        ...


@runtime_checkable
class Describing(Protocol):
    """An averager that says how its solutions were made."""

    def describe(self) -> Mapping[str, Any]:
        """Plain values for the record: the rule, and of how many iterates."""
        ...


@runtime_checkable
class RateBound(Protocol):
    """An averager whose moments are those of a cyclical learning rate."""

    def check_rate(self, rate: Callable[[float], float]) -> None:
        """Raise ValueError, argument first, where they are not; rate: factor at t of the stage."""
        ...


Transfer = Callable[[nn.Module], nn.Module]
"""Seam 4's own part: what a stage does to the model that the previous one leaves."""

Solutions = Callable[[str], Mapping[str, Tensor] | None]
"""State dictionaries of the solutions at the end of the stage before, by name.

None where that stage's weights are not needed: on the meta device, and where the stage that asks
has a checkpoint already. ValueError for a name that there is not.
"""


@dataclass
class Stage:
    """Seam 4. One call of `fit`: its length and how many epochs went before it."""

    epochs: float  # length, at most
    start: float  # epochs completed before it
    whole_run: bool  # the clock of its schedules: t of the whole run, or of this stage
    until: str | None = None  # field of a schedule that ends it earlier, once it is done


class Draws(Protocol):
    """Random numbers of a minibatch, each a pure function of (seed, example, name, index)."""

    indices: Tensor  # (B,) int64, rows of the data set
    passes: Tensor  # (B,) int64, complete passes over the data before each example's

    def by_row(self) -> Draws:
        """Draws that belong to the row of the data set: the same at every pass."""
        ...

    def uniform(self, name: str, num: int = 1) -> Tensor:
        """(B, num) float32 in [0, 1); num is at most 1024."""
        ...

    def integers(self, name: str, high: int, num: int = 1) -> Tensor:
        """(B, num) int64 in [0, high)."""
        ...


Request = tuple[Tensor, Draws | None]
"""Rows (B,) of a data set, and the random numbers of how they are decoded."""


class Examples(Protocol):
    """One part of a data set."""

    labels: Tensor  # (N,) int64, or float of real targets
    skipped: Collection[str]  # files that could not be decoded, whose place others took

    def __len__(self) -> int:
        """Number of examples, N."""
        ...

    def fetch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), channels_last, and labels (B,), on their device.

        Images are uint8 pixels, or floats that are normalised already and pass as they are.

        Examples that are decoded from files at random (Inception's crop) do it by `draws`; None
        asks for what evaluation sees.
        """
        ...

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[Tensor, Tensor]]:
        """`fetch` of each request, in order; requests may be read, and served, ahead."""
        ...

    def to(self, device: Any) -> Examples:
        """The same examples on a device."""
        ...

    def relabelled(self, labels: Tensor) -> Examples:
        """The same images with other labels (N,)."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Parts of one data set and what a model and a record need to know of it."""

    train: Examples
    validation: Examples | None
    test: Examples
    classes: tuple[str, ...]
    shape: tuple[int, int, int]  # C, H, W
    mean: tuple[float, ...]  # per channel, of pixels in [0, 1]
    std: tuple[float, ...]
    score: Score | None = None  # None: the scores of a classification
    notes: Mapping[str, float] = field(default_factory=dict)  # for the record


class Augmentation(Protocol):
    """One step of the augmentation of a minibatch, on the device; the order is the list's."""

    @property
    def after_normalisation(self) -> bool:
        """It works on the model's normalised floats; others, on pixels, come before it."""
        ...

    def __call__(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) uint8 or float and targets (B,) int64 or (B, K) float, changed."""
        ...


Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, K), targets (B,) int64 or float, or (B, K)) -> losses (B,)."""


@dataclass
class Counters:
    """What was spent. `step` is the loop's; the rest is written by the closure and `batches`."""

    step: int = 0  # updates, skipped ones included
    skipped: int = 0  # updates that fp16 overflow threw away
    batches: int = 0  # minibatches drawn
    drawn: int = 0  # examples drawn, of all data orders
    examples: int = 0  # examples through forward and backward
    forward_only: int = 0  # examples through forward alone, BN re-estimation included


@dataclass
class TrainState:
    """What changes during a run, and nothing else."""

    model: nn.Module
    optimizer: Optimizer
    schedules: Mapping[str, Schedule]  # by param-group field
    averagers: Mapping[str, Averager]  # by name
    stage: Stage
    counters: Counters = field(default_factory=Counters)
    t: float = 0.0  # epochs completed in this stage, of data order 0
    reported: float = 0.0  # t of the last evaluation

    @property
    def done(self) -> bool:
        """Whether the stage is at its end: of its epochs, or of the schedule that it waits for."""
        end = ending(self.schedules[self.stage.until]) if self.stage.until is not None else None
        return self.t >= self.stage.epochs or (end is not None and end.done)
