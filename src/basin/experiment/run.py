"""One run, top to bottom: check, join the other ranks, find its folder, train, show its record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from basin.experiment import devices
from basin.experiment.check import check
from basin.experiment.environment import environment
from basin.experiment.follow import follow
from basin.experiment.group import joined, leading, together
from basin.experiment.job import Job, Stopped, tell
from basin.experiment.lead import lead
from basin.experiment.members import Membership
from basin.experiment.members_check import refuse_members
from basin.experiment.point import Point, point_of
from basin.experiment.summary import final_score, present
from basin.experiment.way import Way
from basin.launch.lock import RunLock
from basin.launch.signals import Interrupt
from basin.training.bookkeeping import Interrupted
from basin.training.distributed import Ranks
from basin.training.precision import resolve


def run(cfg: DictConfig) -> float:
    """Hydra's task: train what a configuration says; returns the score that sweeps read."""
    hydra_config = HydraConfig.get()
    point = point_of(cfg, hydra_config.overrides.task, hydra_config.runtime.choices)
    refuse_members(point.settings)
    return run_point(point, sequel=hydra_config.mode == RunMode.MULTIRUN)


def run_point(
    point: Point, *, sequel: bool, dataset: Any = None, membership: Membership | None = None
) -> float:
    """Train a point, or continue it, or report it where it is finished.

    sequel: whether other points follow in this process; a signal then stops them too.
    dataset: an object with `load()` in the place of the configured one, which it has read before.
    membership: where several runs share this process.
    Returns the score that sweeps read (error in per cent, excess risk): of the validation part at
    the last epoch, or of the test part where there is no split. Raises ValueError for anything
    wrong with the input.
    """
    settings = point.settings
    with joined(settings["device"]) as (here, ranks):
        with together(ranks):
            device = devices.pick(settings["device"], here)
            precision = resolve(settings["precision"], device)
            stages = {k: {**own, "precision": precision} for k, own in point.stages.items()}
            plan = check(settings, stages, ranks=ranks.size)
        job = Job(
            settings=settings,
            stages=point.stages,
            identities=point.identities,
            plan=plan if dataset is None else replace(plan, dataset=dataset),
            folder=point.folder,
            device=device,
            precision=precision,
            environment=environment(device),
            way=Way.configured(settings),
            tuning=None,
            permit=lambda: None,
            interrupted=lambda: 0 if membership is None else membership.interrupted(),
            membership=membership,
        )
        return _follow(job, ranks) if ranks.rank else _lead(job, ranks, sequel=sequel)


def _lead(job: Job, ranks: Ranks, *, sequel: bool) -> float:
    """Rank 0, or the only one."""
    with leading(ranks) as announce:
        job.folder.create()
        with RunLock(job.folder.path, tell) as lock, Interrupt() as interrupt:
            held = replace(
                job,
                permit=lock.check,
                interrupted=lambda: interrupt.signal or job.interrupted() or int(lock.lost),
            )
            try:
                record = lead(held, announce)
            except Interrupted as stop:
                ranks.broadcast(None)
                tell(f"stopped; the checkpoint is in {job.folder.path}, the same command continues")
                raise _stopped(interrupt, stop) from None
            _show(present(record, job.folder.path))
            score: float = ranks.broadcast(final_score(record)[1])
            if interrupt.requested and sequel:
                raise Stopped(interrupt.resignal())
    return score


def _follow(job: Job, ranks: Ranks) -> float:
    """Any other rank."""
    with Interrupt() as interrupt:
        try:
            return follow(replace(job, interrupted=lambda: interrupt.signal or 0), ranks)
        except Interrupted as stop:
            raise _stopped(interrupt, stop) from None


def _stopped(interrupt: Interrupt, stop: Interrupted) -> Stopped:
    """What ends this process: its own signal, or that of another rank."""
    if interrupt.requested:
        return Stopped(interrupt.resignal())
    return Stopped(128 + stop.reason if stop.reason > 1 else 1)


def _show(text: str) -> None:
    """To whoever reads; a reader that has gone does not make a finished run fail."""
    with suppress(BrokenPipeError):
        print(text, flush=True)
