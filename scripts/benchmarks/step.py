"""The training step of a run under every variant of how it may be executed.

A variant is eager or compiled, NCHW or channels_last, in a precision. All of them run our loop
(benchmarks.sides.Ours) in one process and take turns, so that ratios are of neighbours; the parts
of a step are read from a profiler afterwards, in steps that are not timed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from first_stage import FirstStage

from basin.training.precision import set_flags
from benchmarks import profiled
from benchmarks.device_time import seconds_of
from benchmarks.images import real
from benchmarks.peak_products import products_per_second
from benchmarks.result import Measured, Result
from benchmarks.sides import Ours, built

LAYOUTS = {"nchw": False, "channels_last": True}
WAYS = {"false": "eager", "true": "compiled"}
BACKWARD = 2
"""Forward passes that a backward pass costs: one product for the images, one for the weights."""


@dataclass(frozen=True)
class Amount:
    """What is run, and how often."""

    rounds: int
    steps: int  # of a timed segment
    random_images: int  # where there are no real ones
    compile: tuple[str, ...]  # `false`, `true`
    layouts: tuple[str, ...]
    precisions: tuple[str, ...]


@dataclass
class Variant:
    """One way to execute the step."""

    name: str
    stage: FirstStage
    loop: Ours
    compile_seconds: float  # of the first two steps, compilation included
    seconds: list[float]
    products: list[float]  # FLOP/s of matrix products of this dtype, beside the segments

    @property
    def images(self) -> int:
        """Of a step."""
        size: int = self.stage.settings["batch_size"]
        return size

    @property
    def flops(self) -> float:
        """Of a step, by the products of the network alone, 2 a multiply-add."""
        return float(self.stage.plan.flops * (1 + BACKWARD) * self.images)


def measure(amount: Amount, overrides: list[str]) -> Result:
    """Every variant; the first one is what the others are compared with."""
    with tempfile.TemporaryDirectory() as folder:
        variants = _variants(Path(folder), amount, overrides)
        device = variants[0].stage.parts.precision.device
        for number in range(amount.rounds):
            for variant in variants if number % 2 == 0 else reversed(variants):
                _use(variant)
                variant.seconds.append(seconds_of(variant.loop, amount.steps, device))
                variant.products.append(products_per_second(variant.stage.parts.precision))
        rows = [row for variant in variants for row in _rows(variant, variants[0], amount)]
    settings = variants[0].stage.settings
    return Result(
        "step",
        device,
        {
            "model": settings["model"]["_target_"].rpartition(".")[2],
            "fields": " ".join(overrides) or "none",
            "batch": settings["batch_size"],
            "images": "CIFAR-10" if real() else "random",
            "rounds": amount.rounds,
            "steps": amount.steps,
        },
        rows,
        [
            f"{v.name}: its first two steps took {v.compile_seconds:.1f} s, compilation included"
            for v in variants
        ],
    )


def _variants(folder: Path, amount: Amount, overrides: list[str]) -> list[Variant]:
    for name, given, known in (
        ("--compile", amount.compile, WAYS),
        ("--layouts", amount.layouts, LAYOUTS),
    ):
        if not set(given) <= set(known):
            raise SystemExit(f"{name}={','.join(given)}: give one or more of {','.join(known)}")
    variants: list[Variant] = []
    for compiled, layout, precision in product(amount.compile, amount.layouts, amount.precisions):
        fields = [
            *overrides,
            f"runtime.compile={compiled}",
            f"++model.channels_last={LAYOUTS[layout]}",
            f"precision={precision}",
        ]
        stage = built(fields, amount.random_images, with_real=True)
        name = f"{WAYS[compiled]}, {layout}, {precision}"
        place = folder / str(len(variants))
        place.mkdir()
        variant = Variant(name, stage, Ours(stage, place), 0.0, [], [])
        variant.compile_seconds = seconds_of(variant.loop, 2, stage.parts.precision.device)
        variants.append(variant)
    return variants


def _use(variant: Variant) -> None:
    """Flags are the process's: tf32 is on for the variant that asks for it alone."""
    set_flags(variant.stage.parts.precision.name, deterministic=False)


def _rows(variant: Variant, first: Variant, amount: Amount) -> list[Measured]:
    _use(variant)
    name, steps = variant.name, amount.steps
    speeds = [steps * variant.images / seconds for seconds in variant.seconds]
    ratios = [a / b for a, b in zip(first.seconds, variant.seconds, strict=True)]
    achieved = [steps * variant.flops / seconds for seconds in variant.seconds]
    shares = [a / b for a, b in zip(achieved, variant.products, strict=True)]
    seen = profiled.steps(variant.loop, steps, variant.stage.parts.precision.device)
    rows = [
        Measured(f"{name}: images", speeds, "a second"),
        Measured(f"{name}: images, over those of the first", ratios, ""),
        Measured(f"{name}: products", [a / 1e9 for a in achieved], "GFLOP/s"),
        Measured(f"{name}: MFU, over products of {variant.stage.parts.precision.name}", shares, ""),
    ]
    rows += [
        Measured(f"{name}: {part}, profiled", [value], "ms a step")
        for part, value in seen.milliseconds.items()
    ]
    rows.append(Measured(f"{name}: {seen.launched}", [seen.launches], "a step"))
    if seen.waits is not None:
        allowed = 1 if variant.stage.parts.precision.name == "fp16" else 0
        rows.append(Measured(f"{name}: host waits", [seen.waits], "a step", at_most=allowed))
    if seen.peak is not None:
        rows.append(Measured(f"{name}: peak memory", [seen.peak / 2**20], "MiB"))
    return rows
