"""Images a second of training on CIFAR-10, input included: ours against other people's loops.

Both train the same network on the same number of images; they take turns, and a ratio is that of a
pair of neighbours. Ours is a run as a user would get it, between its evaluations; the plain loop is
in a process of its own, for a run of ours changes how its process keeps memory.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Subset

from benchmarks.device_time import seconds_of
from benchmarks.images import real
from benchmarks.plain import Plain, torchvision_images
from benchmarks.result import Measured, Result
from benchmarks.sides import Ours, built
from benchmarks.timm_train import commit_of, rate

BATCH = 128
BARS = {"resnet20": 1.5, "wrn_16_4": 1.3, "resnet18": 1.15}
"""At least so many times the plain loop's images a second, on a CPU."""
TIMM, TIMM_BAR = "timm", 1.5
WORKERS = 2


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    model: str  # of BARS, or TIMM
    pairs: int
    images: int  # of an epoch


def measure(amount: Amount, overrides: list[str], peer: str | None) -> Result:
    """Pairs of epochs. peer: timm's train.py, which model=timm is compared with."""
    if amount.images % BATCH:
        raise SystemExit(f"--images={amount.images} is not a multiple of the batch, {BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        if amount.model == TIMM:
            return _timm(amount, overrides, _script(peer), Path(folder))
        return _plain(amount, overrides, Path(folder))


def _plain(amount: Amount, overrides: list[str], folder: Path) -> Result:
    fields = [*overrides, f"model={amount.model}", f"dataset.limit_train={amount.images}"]
    ours, device = _ours(fields, amount, folder)
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    arguments = (there, fields, amount.images, torch.get_num_threads())
    process = context.Process(target=_serve_plain, args=arguments)
    process.start()
    there.close()  # so that `here` notices the end of the process

    def theirs() -> float:
        here.send(True)
        rate: float = here.recv()
        return rate

    try:
        pairs = _pairs(ours, theirs, amount.pairs)
    finally:
        here.close()
        process.join()
    notes = [
        f"plain: torchvision's CIFAR10, PIL transforms, DataLoader with {WORKERS} workers, NCHW,"
        " eager, torch.optim.SGD; loss and accuracy read every step",
        "timm's train.py is left out of this file: --model timm peer=<its train.py> measures it",
    ]
    bar = BARS[amount.model] if device.type == "cpu" else None
    return _result(amount, device, overrides, _rows(pairs, "plain loop", bar), notes)


def _serve_plain(told: Connection, fields: list[str], num: int, threads: int) -> None:
    """Images a second of an epoch of the plain loop, whenever it is told."""
    torch.set_num_threads(threads)
    stage = built([*fields, "model.channels_last=false"], num, with_real=True)
    with torchvision_images(num) as images, suppress(EOFError):
        part = Subset(images, range(num))
        amount: dict[str, Any] = {"batch_size": BATCH, "num_workers": WORKERS}
        # forked, as in a script: here the default would be to start Python anew in each epoch
        loader = DataLoader(part, **amount, shuffle=True, multiprocessing_context="fork")
        plain = Plain(stage, loader)
        while told.recv():
            started = time.perf_counter()
            seen = plain.epoch()
            told.send(seen / (time.perf_counter() - started))


def _timm(amount: Amount, overrides: list[str], script: Path, folder: Path) -> Result:
    root = real()
    if root is None:
        raise SystemExit("timm's train.py reads CIFAR-10's files: set BASIN_DATA to their folder")
    network = ["model=timm", "model.name=resnet18", f"dataset.limit_train={amount.images}"]
    ours, device = _ours([*network, *overrides], amount, folder)
    sizes = (BATCH, amount.images // BATCH)
    pairs = _pairs(ours, lambda: rate(script, root, "resnet18", device, sizes), amount.pairs)
    notes = [
        f"timm's train.py at commit {commit_of(script)}, with --channels-last, eager;"
        " the mean rate of its own log, from the first update on, input included",
    ]
    return _result(amount, device, overrides, _rows(pairs, "timm's train.py", TIMM_BAR), notes)


def _ours(
    fields: list[str], amount: Amount, folder: Path
) -> tuple[Callable[[], float], torch.device]:
    stage = built(fields, amount.images, with_real=True)
    loop, device = Ours(stage, folder), stage.parts.precision.device
    steps = amount.images // BATCH
    return (lambda: amount.images / seconds_of(loop, steps, device)), device


def _pairs(
    ours: Callable[[], float], theirs: Callable[[], float], num: int
) -> list[tuple[float, float]]:
    """Rates of both; either side begins in turn. A pair before the first warms both up."""
    pairs = []
    for number in range(num + 1):
        if number % 2 == 0:
            first = ours()
            pairs.append((first, theirs()))
        else:
            first = theirs()
            pairs.append((ours(), first))
    return pairs[1:]


def _rows(pairs: list[tuple[float, float]], name: str, bar: float | None) -> list[Measured]:
    return [
        Measured("ours: images", [pair[0] for pair in pairs], "a second"),
        Measured(f"{name}: images", [pair[1] for pair in pairs], "a second"),
        Measured(f"ours / {name}", [a / b for a, b in pairs], "", at_least=bar),
    ]


def _result(
    amount: Amount, device: torch.device, fields: list[str], rows: list[Measured], notes: list[str]
) -> Result:
    settings = {
        "model": "timm's resnet18" if amount.model == TIMM else amount.model,
        "fields": " ".join(fields) or "none",
        "batch": BATCH,
        "images": f"{amount.images} of {'CIFAR-10' if real() else 'random ones'} an epoch",
        "pairs": amount.pairs,
    }
    return Result(f"peer-{amount.model.replace('_', '-')}", device, settings, rows, notes)


def _script(peer: str | None) -> Path:
    if peer is None or not Path(peer).is_file():
        raise SystemExit(f"peer={peer}: --model {TIMM} needs the path of timm's train.py there")
    return Path(peer).resolve()
