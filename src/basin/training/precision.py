"""Number formats of a run: parameters, autocast, TF32, and the loss scale of fp16."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PRECISIONS = ("auto", "fp64", "fp32", "tf32", "bf16", "fp16")


def resolve(name: str, device: torch.device) -> str:
    """The format that `auto` means on a device; ValueError where a device cannot do a format.

    auto: bf16 on CUDA of compute capability 8 and later, fp16 on 7, else fp32; never a format
    without units of its own (a CPU runs bf16 by conversion, at less than half of fp32's speed).
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision={name!r} is not one of {', '.join(PRECISIONS)}")
    major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    if name == "auto":
        return {0: "fp32", 7: "fp16"}.get(major, "fp32" if major < 7 else "bf16")
    if name == "fp16" and device.type == "cpu" and not _cpu_has_fp16():
        raise ValueError(
            "precision=fp16 needs fp16 units (avx512_fp16 or amx_fp16), which this CPU lacks;"
            " use precision=fp32, or bf16 to try that format slowly"
        )
    if name == "tf32" and major < 8:
        raise ValueError(
            f"precision=tf32 needs an NVIDIA GPU of compute capability 8 or later, not {device};"
            " use precision=fp32"
        )
    if device.type == "mps" and name != "fp32":
        raise ValueError(f"precision={name} is not supported on device=mps; use precision=fp32")
    return name


def _cpu_has_fp16() -> bool:
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.exists() else ""
    return "avx512_fp16" in text or "amx_fp16" in text


def set_flags(name: str, *, deterministic: bool) -> None:
    """TF32 only for precision=tf32; deterministic kernels, without cudnn's search, on request."""
    tf32 = name == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    if torch.backends.cudnn.is_available():
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = not deterministic
        torch.backends.cudnn.deterministic = deterministic
    torch.use_deterministic_algorithms(deterministic)


def flags() -> dict[str, bool | str]:
    """The process-wide switches as they are, for the record."""
    return {
        "float32_matmul": torch.get_float32_matmul_precision(),
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
    }


class LossScale:
    """Dynamic loss scale of fp16: halved on overflow, doubled after 2,000 clean backward passes.

    Micikevicius et al. 2018 (arXiv:1710.03740), section 3.2, with torch.amp.GradScaler's constants.
    """

    growth_interval = 2000

    def __init__(self, scale: float = 2.0**16) -> None:
        self.scale, self.clean = scale, 0

    def unscale_(self, gradients: Sequence[Tensor]) -> Tensor:
        """Divide the gradients by the scale; returns a 0-d float, 1 where one is not finite."""
        device = gradients[0].device
        found = torch.zeros((), device=device)
        inverse = torch.full((), 1 / self.scale, device=device)
        torch._amp_foreach_non_finite_check_and_unscale_(list(gradients), found, inverse)
        return found

    def update(self, overflow: bool) -> None:
        """Adapt the scale to the outcome of one backward pass."""
        self.clean = 0 if overflow else self.clean + 1
        if overflow:
            self.scale = max(self.scale / 2, 1.0)
        elif self.clean == self.growth_interval:
            self.scale, self.clean = self.scale * 2, 0

    def state_dict(self) -> dict[str, Any]:
        """The scale and the number of clean passes since it moved."""
        return {"scale": self.scale, "clean": self.clean}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.scale, self.clean = state_dict["scale"], state_dict["clean"]


class Precision:
    """One resolved format on one device."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self.device = name, device
        self.parameters = torch.float64 if name == "fp64" else torch.float32
        self._autocast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
        self.scale = LossScale() if name == "fp16" else None

    def autocast(self, *, cache: bool = True) -> contextlib.AbstractContextManager[Any]:
        """Context of a forward pass; without `cache` also of several with other weights."""
        if self._autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self._autocast, cache_enabled=cache)
