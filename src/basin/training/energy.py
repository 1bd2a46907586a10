"""Energy that a device has used, where it tells: NVML of an NVIDIA GPU, RAPL of a CPU on Linux."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")
JOULES_PER_KWH = 3.6e6


class Rapl:
    """Joules since the first call, over all CPU packages; of everything that runs on them.

    The kernel's counters start again at their range (some 40 minutes at 100 W), so this is called
    more often than that.
    """

    def __init__(self, packages: list[Path]) -> None:
        self._files = [package / "energy_uj" for package in packages]
        self._ranges = [_number(package / "max_energy_range_uj") for package in packages]
        self._last = [_number(file) for file in self._files]
        self._total = 0

    def __call__(self) -> float:
        """Joules."""
        now = [_number(file) for file in self._files]
        for new, old, whole in zip(now, self._last, self._ranges, strict=True):
            self._total += (new - old) % (whole + 1)
        self._last = now
        return self._total / 1e6


def energy_counter(device: torch.device) -> Callable[[], float] | None:
    """A count of joules that only rises; None where the device keeps none, or not for this user."""
    if device.type == "cuda":
        return _nvml(device)
    return _rapl(POWERCAP) if device.type == "cpu" else None


def _rapl(folder: Path) -> Rapl | None:
    packages = [file.parent for file in sorted(folder.glob("intel-rapl:?/energy_uj"))]
    try:
        return Rapl(packages) if packages else None
    except OSError:  # readable by root alone, on most systems
        return None


def _nvml(device: torch.device) -> Callable[[], float] | None:
    """By the GPU's UUID: NVML counts GPUs that CUDA_VISIBLE_DEVICES hides. Volta and later."""
    if find_spec("pynvml") is None:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def _number(file: Path) -> int:
    return int(file.read_text())
