"""The folder of a sweep, its table, and what the sweep hands back to Hydra."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from basin.experiment.point import Point
from basin.experiment.points import own_words
from basin.experiment.summary import final_score
from basin.launch.state import RunState
from basin.launch.table import Row, Table

DIGITS = 8


def folder_of(points: Sequence[Point], root: Path) -> Path:
    """Where a sweep's table and logs are: the same points have the same folder."""
    names = "\n".join(sorted(point.name for point in points))
    digest = hashlib.sha256(names.encode()).hexdigest()[:DIGITS]
    experiments = {_experiment(point) for point in points}
    title = experiments.pop() if len(experiments) == 1 else "several"
    return root.resolve() / f"{title}-{digest}"


def record(points: Sequence[Point], folder: Path, config: DictConfig) -> None:
    """Write the table of a sweep, in the order of its points."""
    launcher: dict[str, Any] = OmegaConf.to_container(config.hydra.launcher, resolve=True)  # type: ignore[assignment]
    labels = own_words([point.words for point in points])
    rows = [
        Row(words=point.words, label=label or point.name, folder=str(point.folder.path.resolve()))
        for point, label in zip(points, labels, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    name = str(config.hydra.runtime.choices["hydra/launcher"])
    Table(launcher=name, parameters=launcher, rows=rows).write(folder)


def submitted(point: Point, now: RunState) -> JobReturn:
    """What a launcher that does not wait returns: the job and the folder of a point."""
    job = now.submission.job if now.submission else None
    return _returned(point, JobStatus.COMPLETED, {"job": job, "folder": str(now.folder)})


def ended(point: Point, now: RunState) -> JobReturn:
    """What a launcher that waits returns: the score that sweeps read, or what went wrong."""
    if now.state == "done":
        finished = point.folder.record() or {}
        return _returned(point, JobStatus.COMPLETED, final_score(finished)[1])
    log = f" (log: {now.submission.log})" if now.submission else ""
    error = RuntimeError(f"{now.folder.name} {now.state}: {now.note}{log}")
    return _returned(point, JobStatus.FAILED, error)


def _returned(point: Point, status: JobStatus, value: Any) -> JobReturn:
    made = JobReturn(overrides=point.words, working_dir=str(point.folder.path), status=status)
    made.return_value = value
    return made


def _experiment(point: Point) -> str:
    """The experiment that a point names, or else its model and data set."""
    for word in point.words:
        if word.startswith("experiment=") and word != "experiment=null":
            return word.partition("=")[2].strip("'\"").replace("/", "_")
    return f"{point.groups['model']}_{point.groups['dataset']}"
