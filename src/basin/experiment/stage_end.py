"""Keeping the end of a stage: a name for the checkpoint and the metrics of that moment."""

from __future__ import annotations

import os
import shutil

from basin.core.files import write_atomically
from basin.training.checkpoint import Checkpoints


def keep_end(identity: str, checkpoints: Checkpoints) -> None:
    """Keep the newest checkpoint, which is that of a stage's end, and the metrics so far."""
    folder = checkpoints.last.parent
    metrics, end = folder / "metrics.jsonl", folder / f"end-{identity}.pt"
    lines = metrics.read_bytes() if metrics.exists() else b""
    write_atomically(end.with_suffix(".jsonl"), lines)
    beside = end.with_suffix(".next")
    beside.unlink(missing_ok=True)
    try:
        os.link(checkpoints.last, beside)  # a checkpoint is replaced, never written into
    except OSError:  # a file system without links
        shutil.copyfile(checkpoints.last, beside)
    beside.replace(end)
