"""One run, top to bottom: check, find or create its folder, train every stage, write its record."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from basin.core.files import remove_partial
from basin.experiment import build, devices
from basin.experiment.check import check
from basin.experiment.continuation import Continuation
from basin.experiment.environment import code, environment
from basin.experiment.execute import execute
from basin.experiment.folder import RunFolder
from basin.experiment.identity import essential, identities
from basin.experiment.job import Job, Output, tell
from basin.experiment.process import set_up
from basin.experiment.schema import check_fields
from basin.experiment.settings import check_words, run_settings
from basin.experiment.staging import stage_settings
from basin.experiment.summary import final_score, finish, present
from basin.experiment.trunk import adopt
from basin.launch.lock import LostLock, RunLock
from basin.launch.signals import Interrupt
from basin.launch.status import Status, read_status
from basin.logger.jsonl import JsonLines
from basin.logger.protocol import Logger
from basin.training.bookkeeping import Interrupted
from basin.training.checkpoint import Checkpoints
from basin.training.precision import resolve


class Stopped(BaseException):
    """The run was asked to stop; `code` is the exit code of the process."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def run(cfg: DictConfig) -> float:
    """Train what a configuration says, or continue it, or report it where it is finished.

    Returns the score that sweeps read (error in per cent, excess risk): of the validation part at
    the last epoch, or of the test part where there is no split. Raises ValueError for anything
    wrong with the input.
    """
    hydra_config = HydraConfig.get()
    check_words(list(hydra_config.overrides.task))
    check_fields(cfg)
    settings, stages = run_settings(cfg), stage_settings(cfg)
    plan = check(settings, stages)
    device = devices.pick(settings["device"])
    precision = resolve(settings["precision"], device)
    names = identities(stages)
    groups = hydra_config.runtime.choices
    name = f"{groups['model']}_{groups['dataset']}_{names[-1]}-s{settings['seed']}"
    folder = RunFolder(settings["results"], name)
    folder.create()
    with RunLock(folder.path, tell) as lock, Interrupt() as interrupt:
        remove_partial(folder.path)
        record = None if settings["rerun"] else folder.record()
        if record is not None:
            tell(_finished_before(record))
            _tidy(folder)
        else:
            job = Job(
                settings=settings,
                stages=stages,
                identities=names,
                plan=plan,
                folder=folder,
                device=device,
                precision=precision,
                environment=environment(device),
                permit=lock.check,
                interrupted=lambda: interrupt.requested or lock.lost,
            )
            try:
                record = _train(job)
            except Interrupted:
                tell(f"stopped; the checkpoint is in {folder.path}, the same command continues")
                raise Stopped(interrupt.resignal() if interrupt.requested else 1) from None
        _show(present(record, folder.path, groups))
        if interrupt.requested and hydra_config.mode == RunMode.MULTIRUN:
            raise Stopped(interrupt.resignal())  # the rest of the sweep is not started
    return final_score(record)[1]


def _train(job: Job) -> dict[str, Any]:
    """Everything between an empty or unfinished folder and its record."""
    set_up(job)
    output = _output(job)
    finished = (job.folder.path / "record.json").exists()
    if job.settings["rerun"] and (finished or not output.checkpoints.readable()):
        job.folder.clear()  # else this is a rerun that was stopped, and it goes on
        output.checkpoints.clear()
    try:
        adopt(job, output)
        before = Continuation(job, output)
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


def _show(text: str) -> None:
    """To whoever reads; a reader that has gone does not make a finished run fail."""
    with suppress(BrokenPipeError):
        print(text, flush=True)


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
