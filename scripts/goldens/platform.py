"""What decides how float64 arithmetic on a CPU is rounded."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

VECTORS = ("avx2", "fma", "avx512f", "avx512dq", "avx512vl", "asimd", "sve")
"""CPU flags by which MKL and oneDNN choose kernels for float64."""

Platform = dict[str, str | bool | int]


def this_platform() -> Platform:
    """torch, its vector kernels and BLAS; vendor, family, vector units of the CPU; threads."""
    cpu = _cpu()
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    return {
        "torch": torch.__version__.split("+")[0],
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),
        "vendor": cpu.get("vendor_id", cpu.get("CPU implementer", platform.processor())),
        "family": cpu.get("cpu family", cpu.get("CPU part", platform.machine())),
        "vectors": " ".join(name for name in VECTORS if name in flags),
        "threads": torch.get_num_threads(),
    }


def _cpu() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is no such file."""
    file = Path("/proc/cpuinfo")
    text = file.read_text().split("\n\n")[0] if file.exists() else ""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
