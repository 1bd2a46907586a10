"""Our loop against a bare one of the same maths on the same batches: time, peak memory, losses.

Both draw their own minibatches through training.input, from orders of the same seed, and both use
torch's fused SGD, so that the difference is the loop's. They take turns, and a ratio is that of a
pair of neighbours.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from first_stage import FirstStage

from benchmarks.device_time import seconds_of
from benchmarks.images import real
from benchmarks.memory import processes
from benchmarks.result import Measured, Result
from benchmarks.sides import SIDES, Bare, Ours, Side, built

TOLERANCE = {"fp64": 1e-9, "fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2}
"""Of the losses of the first three steps; rounding differs, and steps multiply it."""


@dataclass(frozen=True)
class Amount:
    """How much is run."""

    pairs: int
    steps: int  # of a timed segment
    memory_runs: int  # processes of each side
    random_images: int  # where there are no real ones


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Everything; raises RuntimeError where the losses say that the maths differ."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare, stage = _sides(Path(folder), amount, overrides)
        precision = stage.parts.precision
        difference = agreement(ours, bare, steps=3)
        if not difference <= TOLERANCE[precision.name]:
            raise RuntimeError(f"losses of the two loops differ by {difference:.1e} (relative)")
        times = _times(ours, bare, amount, precision.device)
    sizes = (amount.steps, amount.random_images)
    memory = {side: processes(side, amount.memory_runs, sizes, overrides) for side in SIDES}
    milliseconds = {
        side: [1000 * pair[i] / amount.steps for pair in times] for i, side in enumerate(SIDES)
    }
    ratios = [ours / bare for ours, bare in times]
    peaks = [ours[0] / bare[0] for ours, bare in zip(*memory.values(), strict=True)]
    grown = [ours[1] / bare[1] for ours, bare in zip(*memory.values(), strict=True)]
    rows = [Measured(f"a step, {s}", milliseconds[s], "ms") for s in SIDES]
    rows += [
        Measured("time, ours / bare", ratios, "", at_most=1.03),
        Measured("peak memory, ours", [m[0] / 2**20 for m in memory["ours"]], "MiB"),
        Measured("peak memory, ours / bare", peaks, "", at_most=1.05),
        Measured("peak less what was held before step 1, ours / bare", grown, ""),
    ]
    return Result(
        "loop",
        precision.device,
        {
            "model": "resnet20",
            "batch": stage.settings["batch_size"],
            "images": "CIFAR-10" if real() else "random",
            "precision": precision.name,
            "steps": amount.steps,
        },
        rows,
        [f"relative difference of the first three losses: {difference:.1e}"],
    )


def agreement(ours: Side, bare: Side, steps: int) -> float:
    """Largest relative difference of the losses of the next steps."""
    largest = 0.0
    for _ in range(steps):
        ours.run(1)
        bare.run(1)
        largest = max(largest, abs(ours.loss() - bare.loss()) / abs(bare.loss()))
    return largest


def _sides(folder: Path, amount: Amount, overrides: list[str]) -> tuple[Ours, Bare, FirstStage]:
    stages = [built(overrides, amount.random_images, with_real=True) for _ in SIDES]
    return Ours(stages[0], folder), Bare(stages[1]), stages[0]


def _times(
    ours: Side, bare: Side, amount: Amount, device: torch.device
) -> list[tuple[float, float]]:
    """Seconds of `amount.steps` of each side, by pairs; either side begins in turn.

    On a CPU the sides take turns after every step, so that what else the machine does falls on
    both; on a GPU after all of them, for waiting after each would hide what runs ahead of it.
    """
    turn = 1 if device.type == "cpu" else amount.steps
    pairs = []
    for number in range(amount.pairs):
        seconds = {ours: 0.0, bare: 0.0}
        for start in range(0, amount.steps, turn):
            for side in (ours, bare) if (number + start // turn) % 2 == 0 else (bare, ours):
                seconds[side] += seconds_of(side, turn, device)
        pairs.append((seconds[ours], seconds[bare]))
    return pairs
