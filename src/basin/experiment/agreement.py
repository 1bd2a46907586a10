"""Whether data set, augmentations, model, objective and processes of a run fit each other."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import nn

from basin.core.clock import Clock
from basin.core.measuring import FORMATS, Measuring
from basin.core.parameters import innermost
from basin.core.protocols import Optimizer
from basin.experiment import build
from basin.experiment.settings import Settings
from basin.model.curve import Curve
from basin.model.recomputed_blocks import recomputable
from basin.training.synced_batchnorm import synchronisable


def check_agreement(settings: Settings, dataset: Any, network: nn.Module) -> None:
    """Raise ValueError, with what to change, where they do not."""
    facts = dataset.facts
    if facts.shape[1:] == (1, 1):
        _check_vectors(settings)
    if facts.linear:
        _check_linear(facts.shape, network)
    if settings["runtime"]["recompute"]:
        _check_recomputing(settings, network)
    outputs = torch.zeros(2, facts.num_classes)
    targets = torch.zeros(2, dtype=facts.targets)
    try:
        build.objective(settings)(outputs, targets)
    except ValueError as error:
        raise ValueError(f"objective: {error}") from None


def _check_recomputing(settings: Settings, network: nn.Module) -> None:
    """Blocks that backward computes again have to be there, and to be called as they are."""
    for name in ("compile", "autotune"):
        if settings["runtime"][name]:
            raise ValueError(
                f"runtime.recompute=true with runtime.{name}={settings['runtime'][name]}: blocks"
                " are computed again eagerly; take one of the two"
            )
    if isinstance(network, Curve):
        raise ValueError(
            "runtime.recompute=true: the weights on a curve are not those of a network"
        )
    recomputable(network)


def check_precision(settings: Settings, optimizer: Optimizer) -> None:
    """Raise ValueError where an optimizer decides by decreases of the loss that rounding hides."""
    name, core = settings["precision"], innermost(optimizer)
    if isinstance(core, Measuring) and name not in ("auto", *FORMATS):
        raise ValueError(
            f"precision={name} rounds losses more coarsely than"
            f" optimizer={type(core).__name__.lower()} can decide by: pass precision=fp32, or fp64"
        )


def check_ranks(settings: Settings, network: nn.Module, clock: Clock, ranks: int) -> None:
    """Raise ValueError where a minibatch has not examples for each of several processes.

    Or where BN layers cannot be synchronised, as the configuration says.
    """
    if settings["runtime"]["recompute"]:
        raise ValueError(
            f"runtime.recompute=true is for a run of one process, and this has {ranks}"
        )
    if settings["runtime"]["autotune"]:
        raise ValueError(
            f"runtime.autotune=true measures a run of one process, and this one has {ranks}; set"
            " runtime.compile and model.channels_last instead"
        )
    batch_size = clock.batch_size
    if batch_size % ranks:
        raise ValueError(
            f"batch_size={batch_size} is that of all {ranks} processes and does not divide over"
            f" them; take {batch_size // ranks * ranks or ranks}, or another number of processes"
        )
    rest = clock.examples % batch_size
    if 0 < rest < ranks:
        raise ValueError(
            f"the last minibatch of each epoch has {rest} of batch_size={batch_size} images, fewer"
            f" than there are processes ({ranks}); use drop_last=true, or another batch_size"
        )
    if settings["bn_ranks"] != "local":
        synchronisable(network)
    for name, averager in settings["averaging"].items():
        if averager.get("keep") == "disk":
            raise ValueError(
                f"averaging.{name}.keep=disk: only the first of {ranks} processes writes files, and"
                " every one needs the members; take keep=cpu"
            )


def _check_vectors(settings: Settings) -> None:
    """Images of one pixel are vectors."""
    if settings["runtime"]["autotune"]:
        raise ValueError("runtime.autotune=true is for images, and this data set has vectors")
    if settings["augment"]:
        raise ValueError(
            f"augment={','.join(settings['augment'])} changes images and classes, and this data"
            " set has vectors: pass augment=none"
        )


def _check_linear(shape: tuple[int, int, int], network: nn.Module) -> None:
    """An excess risk is a function of the weights of a linear model, and of nothing else."""
    num = sum(p.numel() for p in network.parameters())
    if num != prod(shape):
        raise ValueError(
            f"model: {num} parameters, but this data set's excess risk is that of the"
            f" {prod(shape)} weights of a linear model without bias: pass model=linear"
            " model.size=1 model.bias=false"
        )
