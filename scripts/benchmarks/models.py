"""One option of configs/model: parameters, FLOPs, and its time on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
import torch
import torch.nn.functional as F
import yaml
from first_stage import CONFIGS, composed
from omegaconf import OmegaConf
from torch import Tensor, nn

from basin.experiment import build
from basin.experiment.check import flops_of
from benchmarks.device_time import wait

OPTIONS = sorted(path.stem for path in (CONFIGS / "model").glob("*.yaml"))
TABLES = CONFIGS.parent / "tests" / "model" / "parameters"
WARM_UP = 2
SPARE = 0.8
"""Share of the free memory that an estimate may fill: workspaces come on top."""


@dataclass(frozen=True)
class Amount:
    """What is built and how often it is run."""

    classes: int
    batch: int
    size: int | None  # height and width instead of the native ones
    repeats: int


@dataclass
class Row:
    """What is known of an option; `problem` says why the rest is not."""

    option: str
    shape: tuple[int, int, int] = (3, 32, 32)
    parameters: int | None = None
    flops: int | None = None  # forward, one image, 2 a multiply-add
    forward: float | None = None  # ms a minibatch
    both: float | None = None  # ms a minibatch, forward and backward
    problem: str = ""


def measure(option: str, amount: Amount, device: torch.device | None) -> Row:
    """One row; without a device there are no times."""
    row = Row(option)
    try:
        row.shape = native_shape(option)
        if amount.size is not None:
            row.shape = (row.shape[0], amount.size, amount.size)
        settings: Any = OmegaConf.to_container(composed([], f"model/{option}"), resolve=True)
        with torch.device("meta"):
            network = _built(settings, row.shape, amount)
        row.parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
        row.flops = flops_of(network, row.shape)
        if device is not None:
            _check_memory(network, row.shape, amount.batch, device)
            _times(row, settings, amount, device)
    except Exception as error:  # one model must not cost the table of the others
        row.problem = str(error).strip().partition("\n")[0] or type(error).__name__
    return row


def native_shape(option: str) -> tuple[int, int, int]:
    """Images that the option's paper is about: `shape` of tests/model/parameters, or CIFAR's."""
    for path in sorted(TABLES.glob("*.yaml")):
        table = yaml.safe_load(path.read_text())
        if option in table:
            channels, height, width = table[option].get("shape", (3, 32, 32))
            return channels, height, width
    return 3, 32, 32


def training_bytes(network: nn.Module, shape: tuple[int, int, int], batch: int) -> int:
    """Weights, gradients and what backward keeps, by one step on the meta device."""
    kept = {p.untyped_storage()._cdata: p.untyped_storage() for p in network.parameters()}
    weights = sum(storage.nbytes() for storage in kept.values())

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # held, so that no later storage has its address
        return tensor

    images = torch.empty(batch, *shape, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.train()(images)
    return weights + sum(storage.nbytes() for storage in kept.values())


def _built(settings: Any, shape: tuple[int, int, int], amount: Amount) -> nn.Module:
    return build.model(settings, num_classes=amount.classes, in_channels=shape[0])


def _check_memory(
    network: nn.Module, shape: tuple[int, int, int], batch: int, device: torch.device
) -> None:
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    needed = training_bytes(network, shape, batch)
    if needed > SPARE * free:
        raise MemoryError(
            f"not timed: needs {needed / 2**30:.1f} GiB at batch={batch},"
            f" {free / 2**30:.1f} are free"
        )


def _times(row: Row, settings: Any, amount: Amount, device: torch.device) -> None:
    network = _built(settings, row.shape, amount).to(device)
    images = torch.randn(amount.batch, *row.shape, device=device)
    targets = torch.arange(amount.batch, device=device) % amount.classes
    if build.channels_last(settings):
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            network(images)

    def both() -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), targets).backward()

    network.eval()
    row.forward = _milliseconds(forward, amount.repeats, device)
    network.train()
    row.both = _milliseconds(both, amount.repeats, device)


def _milliseconds(run: Callable[[], None], repeats: int, device: torch.device) -> float:
    """Median of some runs, after some that are not counted."""
    times = []
    for _ in range(WARM_UP + repeats):
        started = time.perf_counter()
        run()
        wait(device)
        times.append(1000 * (time.perf_counter() - started))
    return median(times[WARM_UP:])
