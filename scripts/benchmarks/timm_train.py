"""Images a second of timm's own train.py, read from its log."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import torch

LINE = re.compile(r"Train: 0 \[ *(\d+)/.*\(\d+\.\d+s, +(\d+\.\d+)/s\)  LR:")
"""The number of an update, and the mean rate until it, input included."""
FLAGS = [
    *("--dataset", "torch/cifar10", "--num-classes", "10", "--input-size", "3", "32", "32"),
    *("--workers", "2", "--epochs", "1", "--log-interval", "1", "--warmup-epochs", "0"),
    *("--opt", "sgd", "--lr", "0.1", "--smoothing", "0", "--color-jitter", "0", "--channels-last"),
]
"""The work of ours: crop and flip, cross-entropy, SGD; and its own best memory format."""


def rate(
    script: Path, root: Path, model: str, device: torch.device, sizes: tuple[int, int]
) -> float:
    """Of the first updates of one run; sizes are the batch and the number of updates.

    The run is ended there: what timm does after its epoch is no part of a step. Raises
    RuntimeError, with the end of its log, where it ends before.
    """
    batch, updates = sizes
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(script), "--data-dir", str(root), "--model", model, *FLAGS]
        command += ["--batch-size", str(batch), "--device", device.type, "--output", folder]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            try:
                return _read(process.stdout, updates)
            finally:
                process.kill()


def commit_of(script: Path) -> str:
    """Of the checkout that the script lies in; `unknown` where that is none."""
    command = ["git", "-C", str(script.parent), "rev-parse", "HEAD"]
    made = subprocess.run(command, capture_output=True, text=True)
    return made.stdout.strip() if made.returncode == 0 else "unknown"


def _read(log: Iterable[str], updates: int) -> float:
    tail: deque[str] = deque(maxlen=15)
    for line in log:
        tail.append(line)
        found = LINE.search(line)
        if found and int(found[1]) == updates - 1:
            return float(found[2])
    raise RuntimeError(f"timm's train.py ended before update {updates}:\n{''.join(tail)}")
