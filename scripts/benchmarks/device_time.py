"""Time on a device that works on after its kernels are launched."""

from __future__ import annotations

import time

import torch

from benchmarks.sides import Side


def wait(device: torch.device) -> None:
    """Until everything that was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(side: Side, steps: int, device: torch.device) -> float:
    """Of some steps, with all that they launched."""
    started = time.perf_counter()
    side.run(steps)
    wait(device)
    return time.perf_counter() - started
