"""How fast a device multiplies matrices: the peak against which a step is measured."""

from __future__ import annotations

import time

import torch

from basin.training.precision import Precision
from benchmarks.device_time import wait

SIDES = {"cpu": 2048, "cuda": 8192}
"""Of the square matrices: large enough for the peak, small enough to be measured often."""
REPEATS = {"cpu": 2, "cuda": 20}


def products_per_second(precision: Precision) -> float:
    """FLOP/s of products of this precision, 2 a multiply-add; the flags set are those in force."""
    kind = precision.device.type
    side = SIDES.get(kind, 2048)
    left = torch.randn(side, side, device=precision.device, dtype=dtype(precision.name))
    right = torch.randn_like(left)
    torch.mm(left, right)
    wait(precision.device)
    started = time.perf_counter()
    for _ in range(REPEATS.get(kind, 2)):
        torch.mm(left, right)
    wait(precision.device)
    return 2 * side**3 * REPEATS.get(kind, 2) / (time.perf_counter() - started)


def dtype(precision: str) -> torch.dtype:
    """Of the operands of a product."""
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp64": torch.float64}
    return kinds.get(precision, torch.float32)
