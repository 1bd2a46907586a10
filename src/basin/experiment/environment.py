"""Where a run's numbers come from: commit, versions, hardware. Never a user, host or path."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import torch

import basin
from basin.experiment.devices import device_name
from basin.experiment.way import Way
from basin.launch.snapshot import origin_of
from basin.training.distributed import Ranks

PACKAGES = ("torch", "numpy", "hydra-core", "omegaconf", "torchmetrics", "safetensors")
VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_CUDA_ALLOC_CONF",
    "TORCH_CUDNN_V8_API_DISABLED",
)
"""The only environment variables that are recorded."""


def choices(device: torch.device, precision: str, way: Way) -> dict[str, Any]:
    """What must be the same for a continued run to be bitwise the run that was not stopped."""
    return {
        "device": device_name(device),
        "ranks": Ranks().size,
        "threads": torch.get_num_threads(),
        "precision": precision,
        **asdict(way),
        "torch": str(torch.__version__),
        "cudnn": torch.backends.cudnn.version() if device.type == "cuda" else None,
        "basin": basin.__version__,
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Commit, hash of the uncommitted changes, versions, hardware, listed variables."""
    commit, diff = code()
    return {
        "commit": commit,
        "diff_sha256": hashlib.sha256(diff.encode()).hexdigest() if diff else None,
        "basin": basin.__version__,
        "numerics": basin.NUMERICS,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": device_name(device),
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def code_root() -> Path:
    """The folder that holds src: a checkout, a snapshot, or whatever basin was installed into."""
    return Path(basin.__file__).resolve().parents[2]


def code() -> tuple[str | None, str]:
    """Commit and uncommitted changes, new files too; (None, "") where this is no checkout.

    Of a snapshot, those of the checkout that it was taken from.
    """
    root = code_root()
    origin = origin_of(root)
    if origin is not None:
        return origin["commit"], origin["diff"]
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None, ""
    paths = ("src", "configs", "train.py")
    changes = _git(root, "diff", "HEAD", "--", *paths) or ""
    added = _git(root, "ls-files", "--others", "--exclude-standard", "--", *paths) or ""
    for name in added.splitlines():
        changes += f"\n+++ {name}\n{(root / name).read_text(errors='replace')}"
    return commit, changes.strip()


def _git(root: Path, *arguments: str) -> str | None:
    if not (root / ".git").exists():
        return None
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory that this process held on the device (CPU: resident, with its libraries)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
