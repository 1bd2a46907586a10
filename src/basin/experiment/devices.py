"""Which device a run uses, and what its machine is."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from basin.launch.place import ALONE, Place


def pick(name: str, place: Place = ALONE) -> torch.device:
    """The device of `auto | cpu | cuda | cuda:N | mps`; ValueError where it is not there.

    Of several processes on a machine each takes the GPU of its number there, or the only one that
    it sees.
    """
    if place.size > 1 and (name == "mps" or name.startswith("cuda:")):
        raise ValueError(
            f"device={name} is one device, and this run has {place.size} processes; use"
            " device=cuda, which gives each its own, or cpu"
        )
    if name == "auto":
        if torch.cuda.is_available():
            return _cuda(name, torch.device("cuda"), place)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device={name!r} is not one of auto, cpu, cuda, cuda:N, mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device={name}: this machine has none; use device=cpu")
    return _cuda(name, device, place) if device.type == "cuda" else device


def _cuda(name: str, device: torch.device, place: Place) -> torch.device:
    """With its index, which torch.cuda's functions ask for."""
    count = torch.cuda.device_count()
    if place.size > 1 and count != 1:
        device = torch.device("cuda", place.local_rank)
    if (device.index or 0) >= count:
        there = f"{count} CUDA devices" if count else "no CUDA device"
        raise ValueError(f"device={name}: torch {torch.__version__} finds {there}; use device=cpu")
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.device("cuda", index)


def wait(device: torch.device) -> None:
    """Until everything that was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor(device: torch.device) -> str:
    """The model of a GPU or of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else f"CPU {platform.machine()}"


def device_name(device: torch.device) -> str:
    """The model of a device, as its driver or the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
