"""Ends of stages that are kept on disk, so that a branch or a rerun begins there (docs/stages.md).

`end-<identity>.pt` is the checkpoint of a stage's end and `end-<identity>.jsonl` the metrics until
then. The identity has all that the stage's numbers depend on but the seed, which the folder's name
has: a run of another folder under `results` may go on from it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from basin.core.files import write_atomically
from basin.experiment.job import Job, Output, tell
from basin.training.checkpoint import CheckpointError, Checkpoints, read


def keep_end(folder: Path, identity: str, checkpoints: Checkpoints) -> None:
    """Keep the newest checkpoint, which is that of a stage's end, and the metrics so far."""
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


def adopt(job: Job, output: Output) -> None:
    """Begin at the end of the latest stage that some run of this seed has finished.

    Nothing happens where this run has a checkpoint of its own. `rerun=true` trains every stage, and
    with `rerun_from` those from that one on.
    """
    if output.checkpoints.there:
        return
    names = list(job.stages)
    limit = len(names) - 1
    if job.settings["rerun"]:
        first = job.settings["rerun_from"]
        limit = 0 if first is None else names.index(first)
    for index in reversed(range(limit)):
        for end in _ends(job, job.identities[index]):
            content = _content(end)
            if content is not None:
                trunk = {"stage": names[index], "run": end.parent.name}
                lines = end.with_suffix(".jsonl").read_bytes()[: content["position"]]
                write_atomically(job.folder.path / "metrics.jsonl", lines)
                output.checkpoints.save({**content, "trunk": trunk})
                tell(f"stage {names[index]} is that of {end.parent}, not trained again")
                return


def _ends(job: Job, identity: str) -> list[Path]:
    """Files of a stage's end, this run's own first."""
    found = Path(job.settings["results"]).glob(f"*-s{job.settings['seed']}/end-{identity}.pt")
    return sorted(found, key=lambda path: (path.parent != job.folder.path, path))


def _content(end: Path) -> dict[str, Any] | None:
    """None, and a notice, where a file cannot be used."""
    try:
        content = read(end) if end.with_suffix(".jsonl").exists() else None
    except CheckpointError as error:
        tell(str(error))
        return None
    if content is None:
        tell(f"{end} is damaged or lacks its .jsonl; it is not used")
    return content
