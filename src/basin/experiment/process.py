"""Process-wide switches of a run."""

from __future__ import annotations

import os

import torch

from basin.experiment.job import Job
from basin.training.allocator import keep_freed_memory
from basin.training.precision import set_flags


def set_up(job: Job) -> None:
    """Process-wide switches, before the first tensor on the device."""
    runtime = job.settings["runtime"]
    if runtime["threads"] is not None:
        torch.set_num_threads(runtime["threads"])
    if runtime["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    set_flags(job.precision, deterministic=runtime["deterministic"])
    keep_freed_memory(job.device)
    if job.device.type == "cuda":
        torch.cuda.set_device(job.device)
        torch.cuda.reset_peak_memory_stats(job.device)
