"""What a profiler sees of some steps: their parts, what they launch, and where the host waits."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from basin.training import bookkeeping
from basin.training.ranges import PARTS
from benchmarks.device_time import wait
from benchmarks.sides import Ours

SYNCHRONISES = "called a synchronizing CUDA operation"


@dataclass(frozen=True)
class Seen:
    """Of one step, on average."""

    milliseconds: dict[str, float]  # by part; `update` less the passes in it; `all` of them
    launched: str  # what `launches` counts
    launches: float
    waits: float | None  # of the host for the device between log points; None on a CPU
    peak: int | None  # bytes on the device; None on a CPU


def steps(loop: Ours, number: int, device: torch.device) -> Seen:
    """Run so many steps under the profiler, and as many again to count waits and memory."""
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities, acc_events=True) as seen:
        loop.run(number)
        wait(device)
    events = seen.key_averages()
    times = {
        event.key.removeprefix("basin."): (
            event.device_time_total if cuda else event.cpu_time_total
        )
        / (1000 * number)
        for event in events
        if event.key.startswith("basin.")
    }
    if cuda:
        # the backward pass is launched by a thread of its own: it is what no other range has
        kernels = [e for e in events if e.device_type == torch.autograd.DeviceType.CUDA]
        own = [e for e in kernels if not e.key.startswith("basin.")]
        everything = sum(e.self_device_time_total for e in own) / (1000 * number)
        launches = sum(e.count for e in own) / number
        times["backward"] = everything - times["input"] - times["update"]
        times["update"] -= times["forward"]
    else:
        everything = times["input"] + times["update"]
        launches = sum(e.count for e in events if e.key.startswith("aten::")) / number
        times["update"] -= times["forward"] + times["backward"]
    parts = {name: times[name] for name in PARTS} | {"all parts": everything}
    waits, peak = _waits(loop, number, device) if cuda else (None, None)
    return Seen(parts, "kernels" if cuda else "operators", launches, waits, peak)


def _waits(loop: Ours, number: int, device: torch.device) -> tuple[float, int]:
    torch.cuda.reset_peak_memory_stats(device)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        no_log_points = patch.object(bookkeeping, "PROGRESS_SECONDS", math.inf)
        with no_log_points, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop.run(number)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = sum(SYNCHRONISES in str(warning.message) for warning in caught)
    return waits / number, torch.cuda.max_memory_allocated(device)
