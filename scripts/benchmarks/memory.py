"""Peak memory of a loop: of a process for each side, which builds the same objects and runs one.

The images are few and random, for the reading of real files would be the peak.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import torch

from basin.experiment.environment import peak_memory_bytes
from benchmarks.sides import Bare, Ours, Side, built


def peak(side: str, steps: int, random_images: int, overrides: list[str]) -> tuple[int, int]:
    """Bytes of this process at the most, and by how much steps of one side made it grow."""
    with tempfile.TemporaryDirectory() as folder:
        stage = built(overrides, random_images, with_real=False)
        loop: Side = Ours(stage, Path(folder)) if side == "ours" else Bare(stage)
        device = stage.parts.precision.device
        cuda = device.type == "cuda"
        before = torch.cuda.memory_allocated(device) if cuda else psutil.Process().memory_info().rss
        loop.run(steps)
        most = peak_memory_bytes(device)
    return most, most - before


def processes(
    side: str, runs: int, sizes: tuple[int, int], overrides: list[str]
) -> list[tuple[int, int]]:
    """`peak` of as many processes; `sizes` are steps and random images."""
    script = Path(__file__).parents[1] / "benchmark.py"
    options = [f"--peak={side}", f"--steps={sizes[0]}", f"--random-images={sizes[1]}"]
    command = [sys.executable, str(script), "loop", *options, *overrides]
    results = []
    for _ in range(runs):
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        most, grown = json.loads(output.stdout)
        results.append((most, grown))
    return results
