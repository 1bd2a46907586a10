"""Everything that can be wrong with a run is found here, before a file is written or fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import torch

from basin.core.clock import Clock, check_duration
from basin.core.parameters import DECAY
from basin.core.random import CounterDraws
from basin.experiment import build
from basin.experiment.agreement import check_agreement, check_ranks
from basin.experiment.settings import Settings, path_of, seeds
from basin.experiment.stage_check import check_stages
from basin.experiment.targets import check_targets
from basin.training.network import BN_UPDATES, GRAPHS
from basin.training.precision import PRECISIONS
from basin.training.synced_batchnorm import BN_RANKS

CHOICES = {
    "precision": PRECISIONS,
    "decay": DECAY,
    "bn_update": BN_UPDATES,
    "bn_ranks": (None, *BN_RANKS),
}


@dataclass(frozen=True)
class Plan:
    """What is known of a run before its data are read."""

    dataset: Any
    clocks: dict[str, Clock]  # by stage
    epochs: dict[str, float]  # by stage
    parameters: int
    flops: int  # of one forward pass of one example, 2 a multiply-add

    @property
    def clock(self) -> Clock:
        """That of the first stage."""
        return next(iter(self.clocks.values()))


def flops_of(network: torch.nn.Module, shape: tuple[int, int, int]) -> int:
    """FLOPs of a forward pass of one example, by torch's counter, on the meta device."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.empty(1, *shape, device="meta"))
    return counter.get_total_flops()


def check(
    settings: Settings,
    stages: dict[str, Settings],
    *,
    ranks: int = 1,
    flops: Callable[[torch.nn.Module, tuple[int, int, int]], int] = flops_of,
) -> Plan:
    """Build the run on the meta device. Raises ValueError naming the first bad argument.

    ranks: processes of the run.
    flops: of a network and the shape of an image, for callers that know them already.
    """
    _fields(settings)
    _rerun(settings, list(stages))
    for stage in (settings, *stages.values()):
        check_targets(stage)
    dataset = build.dataset(settings, seeds(settings)["seed_subset"])
    num, copies = dataset.num_train, dataset.facts.copies
    clock = clock_of(settings, num, copies)
    clocks = {name: clock_of(stage, num, copies) for name, stage in stages.items()}
    with torch.device("meta"):
        network = build.model(
            settings,
            num_classes=dataset.facts.num_classes,
            in_channels=dataset.facts.shape[0],
        )
    trained = check_stages(
        stages,
        network,
        clocks,
        results=settings["results"],
        num_classes=dataset.facts.num_classes,
        in_channels=dataset.facts.shape[0],
    )
    check_agreement(settings, dataset, network)
    if ranks > 1:
        for own in clocks.values():
            check_ranks(settings, network, own, ranks)
    _try_augmentations(settings, dataset, clock)
    return Plan(
        dataset=dataset,
        clocks=clocks,
        epochs={name: clocks[name].epochs(stage["epochs"]) for name, stage in stages.items()},
        parameters=sum(p.numel() for p in trained.parameters() if p.requires_grad),
        flops=flops(trained, dataset.facts.shape),
    )


def clock_of(settings: Settings, num_train: int, copies: int = 1) -> Clock:
    """The clock of a run, or of a stage; ValueError where the batch does not fit the data.

    copies: how many times each training image is there.
    """
    batch_size, micro_batch = settings["batch_size"], settings["micro_batch"]
    path = path_of(settings, "batch_size") if "stage" in settings else "batch_size"
    if not 1 <= batch_size <= num_train:
        raise ValueError(
            f"{path}={batch_size} is not between 1 and the {num_train} training images"
        )
    if micro_batch is not None and not 1 <= micro_batch <= batch_size:
        raise ValueError(f"micro_batch={micro_batch} is not between 1 and {path}={batch_size}")
    drawn = num_train // batch_size * batch_size if settings["drop_last"] else num_train
    return Clock(drawn, batch_size, num_train // copies)


def _try_augmentations(settings: Settings, dataset: Any, clock: Clock) -> None:
    """Two black images through every augmentation, so that none fails at the first update."""
    images = torch.zeros(2, *dataset.facts.shape, dtype=dataset.facts.images)
    images = images.contiguous(memory_format=torch.channels_last)
    targets, numbers = torch.zeros(2, dtype=torch.int64), torch.arange(2)
    num_classes = dataset.facts.num_classes
    augmentations = build.augmentations(settings, num_classes=num_classes, clock=clock)
    for name, augmentation in augmentations.items():
        if augmentation.after_normalisation:
            images = images.float()
        try:
            images, targets = augmentation(images, targets, CounterDraws(0, numbers))
        except ValueError as error:
            raise ValueError(f"augment.{name}: {error}") from None


def _rerun(settings: Settings, stages: list[str]) -> None:
    name = settings["rerun_from"]
    if name is not None and (not settings["rerun"] or name not in stages[1:]):
        raise ValueError(
            f"rerun_from={name} is for rerun=true, and one of the stages after the first"
            f" ({', '.join(stages[1:]) or 'this run has one stage'})"
        )


def _fields(settings: Settings) -> None:
    for name, allowed in CHOICES.items():
        if settings[name] not in allowed:
            raise ValueError(
                f"{name}={settings[name]!r} is not one of {', '.join(map(str, allowed))}"
            )
    for name in ("lr", "weight_decay"):
        if settings[name] is not None and not 0 <= settings[name] < inf:
            raise ValueError(f"{name}={settings[name]} is not a finite number of 0 or more")
    if not settings["results"].strip():
        raise ValueError("results= is empty; give a folder, such as results/runs")
    _lengths_and_counts(settings)


def _lengths_and_counts(settings: Settings) -> None:
    runtime = settings["runtime"]
    if not isinstance(runtime["compile"], bool) and runtime["compile"] != GRAPHS:
        raise ValueError(
            f"runtime.compile={runtime['compile']!r} is not one of false, true, {GRAPHS}"
        )
    for name, value in (
        ("evaluate_every", settings["evaluate_every"]),
        ("runtime.checkpoint_every", runtime["checkpoint_every"]),
    ):
        check_duration(name, value)
        if Clock(1, 1).epochs(value) <= 0:
            raise ValueError(f"{name}={value} is not above 0")
    for name, count in (
        ("runtime.evaluation_batch", runtime["evaluation_batch"]),
        ("runtime.threads", runtime["threads"]),
        ("runtime.members", runtime["members"]),
    ):
        if count is not None and count < 1:
            raise ValueError(f"{name}={count} is less than 1")
