"""Rank 0's part of a run, or all of it: what is in the folder, training, the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from basin.core.files import remove_partial
from basin.experiment import build
from basin.experiment.autotune import tuned
from basin.experiment.continuation import Continuation
from basin.experiment.environment import code
from basin.experiment.execute import execute
from basin.experiment.folder import RunFolder
from basin.experiment.group import Found
from basin.experiment.identity import essential
from basin.experiment.job import Job, Output, tell
from basin.experiment.process import set_up
from basin.experiment.summary import final_score, finish
from basin.experiment.trunk import adopt
from basin.launch.lock import LostLock
from basin.launch.status import Status, read_status
from basin.logger.jsonl import JsonLines
from basin.logger.protocol import Logger
from basin.training.bookkeeping import Interrupted
from basin.training.checkpoint import Checkpoints


def lead(job: Job, announce: Callable[[Found], None]) -> dict[str, Any]:
    """The record of a run that is finished by now; `announce` tells the other ranks where to begin.

    The caller holds the folder's lock.
    """
    remove_partial(job.folder.path)
    record = None if job.settings["rerun"] else job.folder.record()
    if record is None:
        return _train(job, announce)
    tell(_finished_before(record))
    _tidy(job.folder)
    announce(Found(finished=True, checkpoint=None))
    return record


def _train(job: Job, announce: Callable[[Found], None]) -> dict[str, Any]:
    """Everything between an empty or unfinished folder and its record."""
    set_up(job)
    output = _output(job)
    finished = (job.folder.path / "record.json").exists()
    if job.settings["rerun"] and (finished or not output.checkpoints.readable()):
        job.folder.clear()  # else this is a rerun that was stopped, and it goes on
        output.checkpoints.clear()
    try:
        adopt(job, output)
        content = output.checkpoints.load()
        job = tuned(job, content)
        before = Continuation(job, content)
        before.announce(output.lines)
        announce(Found(finished=False, checkpoint=before.content))
        job.folder.write_configuration(job.settings)
        job.folder.write_environment(job.environment, code()[1])
        output.status.write("running", epoch=before.epoch, epochs=job.epochs)
        record = finish(job, execute(job, output, before), before)
        job.permit()
        job.folder.write_record(record)
        output.checkpoints.clear()
        output.status.write("done")
    except LostLock:
        output.finish({})
        raise
    except Interrupted:
        output.status.write("preempted")
        output.finish({})
        raise
    except BaseException as error:
        output.status.failed(error)
        output.finish({})
        raise
    output.finish(dict([final_score(record)]))
    return record


def _tidy(folder: RunFolder) -> None:
    """What a process that was killed right after its record left undone."""
    checkpoints, status = Checkpoints(folder.path, notice=tell), read_status(folder.path)
    checkpoints.clear()
    if status is None or status["state"] != "done":
        Status(folder.path).write("done")


def _output(job: Job) -> Output:
    lines = JsonLines(job.folder.path / "metrics.jsonl")
    loggers: list[Logger] = [
        lines,
        *build.loggers(
            job.settings,
            folder=job.folder.path,
            run_id=job.folder.name,
            name=job.settings["name"] or job.folder.name,
            config=essential(job.settings),
        ),
    ]
    return Output(
        lines=lines,
        loggers=loggers,
        status=Status(job.folder.path),
        checkpoints=Checkpoints(job.folder.path, notice=tell, permit=job.permit),
        epochs=job.epochs,
        permit=job.permit,
    )


def _finished_before(record: dict[str, Any]) -> str:
    commit, (now, _) = record["environment"]["commit"], code()
    other = f" by another commit ({commit})" if commit != now else ""
    return f"This run is finished{other}; rerun=true trains it anew."
