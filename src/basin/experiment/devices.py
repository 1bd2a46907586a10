"""Which device a run uses, and what its machine is."""

from __future__ import annotations

import platform
import sys

import torch


def pick(name: str) -> torch.device:
    """The device of `auto | cpu | cuda | cuda:N | mps`; ValueError where it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device={name!r} is not one of auto, cpu, cuda, cuda:N, mps") from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            there = f"{count} CUDA devices" if count else "no CUDA device"
            raise ValueError(
                f"device={name}: torch {torch.__version__} finds {there}; use device=cpu"
            )
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device={name}: this machine has none; use device=cpu")
    elif device.type not in ("cpu", "mps"):
        raise ValueError(f"device={name!r} is not one of auto, cpu, cuda, cuda:N, mps")
    return device


def device_name(device: torch.device) -> str:
    """The model of a device, as its driver or the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def refuse_windows() -> None:
    """Exit where the platform is not supported."""
    if sys.platform == "win32":
        raise SystemExit(
            "basin does not run on Windows: its checkpoints and locks need POSIX renames, signals"
            " and file locks. Use Linux, or WSL 2."
        )
