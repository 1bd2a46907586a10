"""A sweep in a pool of processes over the devices of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from hydra.core.utils import JobReturn

from basin.experiment.child import ELSEWHERE
from basin.experiment.devices import cores
from basin.experiment.frozen import FrozenJob
from basin.experiment.job import Stopped, tell
from basin.experiment.local_process import Queue, process_of
from basin.experiment.members import grouped
from basin.experiment.point import Point
from basin.experiment.points import own_words
from basin.experiment.submit import Launching, submit
from basin.experiment.sweep import ended, submitted
from basin.launch.overview import overview
from basin.launch.pool import Events, Pool, Slot
from basin.launch.signals import Interrupt
from basin.launch.state import RunState, look
from basin.launch.status import Status, read_status
from basin.launch.stop import announced
from basin.launch.table import read_table


class Local:
    """Runs points until all have ended, and says what becomes of each."""

    def __init__(
        self, devices: Sequence[str] | None, runs_per_device: int, *, progress_seconds: float
    ) -> None:
        self._slots = slots(devices, runs_per_device)
        self._progress_seconds = progress_seconds
        self._codes: dict[Path, int] = {}  # exit codes of what has ended
        self._slot_of: dict[Path, str] = {}  # what runs
        self._spoke = time.monotonic()

    def run(
        self,
        points: Sequence[Point],
        sweep: Path,
        start: Callable[[Sequence[FrozenJob], Path], Iterator[tuple[str, str]]],
        queue: Queue,
    ) -> list[JobReturn]:
        """What each point returns, in order. Raises Stopped once a signal has stopped them all.

        start: fills `queue` with the points that nothing goes on with.
        """
        folders = [point.folder.path.resolve() for point in points]
        labels = own_words([point.words for point in points])
        by_folder = dict(zip(folders, points, strict=True))
        self._labels = {f: label or f.name for f, label in zip(folders, labels, strict=True)}
        submit(points, Launching("local", sweep, lambda jobs: start(jobs, sweep)))
        groups = grouped([(one, by_folder[Path(one[0].folder)]) for one in queue])
        few = "" if len(groups) == len(queue) else f" in {len(groups)} processes"
        at_a_time = f"{len(self._slots)} at a time"
        tell(f"{len(queue)} of {len(points)} points to run{few}, {at_a_time}")
        with Interrupt() as interrupt, announced(sweep):
            self._work(groups, interrupt)
        states = [self._state(now) for now in look(folders)]
        print(overview(read_table(sweep).rows, states), flush=True)
        tell(f"sweep folder: {sweep}")
        if interrupt.requested:
            tell("stopped; the same command continues")
            raise Stopped(interrupt.resignal())
        return [_returned(*pair) for pair in zip(points, states, strict=True)]

    def _work(self, groups: Sequence[Queue], interrupt: Interrupt) -> None:
        """A process for each group of runs."""
        folders = [[Path(job.folder) for job, _ in group] for group in groups]
        total = sum(map(len, groups))

        def started(number: int, slot: Slot) -> None:
            for folder in folders[number]:
                self._started(folder, slot)

        def ended(number: int, code: int) -> None:
            for folder in folders[number]:
                self._ended(folder, code, total)

        events = Events(started=started, ended=ended, tick=self._speak)
        Pool(self._slots, events).run([process_of(group) for group in groups], interrupt)

    def _started(self, folder: Path, slot: Slot) -> None:
        self._slot_of[folder] = slot.name
        tell(f"{self._labels[folder]}: started on {slot.name}")

    def _ended(self, folder: Path, code: int, total: int) -> None:
        del self._slot_of[folder]
        self._codes[folder] = code
        status = read_status(folder) or {}
        if code not in (0, ELSEWHERE) and status.get("state") == "queued":
            error = RuntimeError(f"its process ended with exit code {code} before the run began")
            Status(folder).failed(error)
        (now,) = (self._state(now) for now in look([folder]))
        text = " ".join(filter(None, (now.state, str(now.status.get("score") or ""), now.note)))
        tell(f"{self._labels[folder]}: {text} ({len(self._codes)} of {total})")

    def _speak(self) -> None:
        """What runs, from time to time."""
        if time.monotonic() - self._spoke < self._progress_seconds:
            return
        self._spoke = time.monotonic()
        for folder, slot in self._slot_of.items():
            status = read_status(folder) or {}
            if status.get("epoch") is not None:
                epochs = f"epoch {status['epoch']:.1f} of {status['epochs']:g}"
                score = str(status.get("score") or "")
                tell("  ".join(filter(None, (f"{self._labels[folder]}: {epochs}", score, slot))))

    def _state(self, now: RunState) -> RunState:
        """As `look` has it, less what another process does."""
        elsewhere = self._codes.get(now.folder) == ELSEWHERE or now.live
        if now.state != "done" and elsewhere:
            return replace(now, state="running elsewhere", live=True, note="")
        return now


def _returned(point: Point, now: RunState) -> JobReturn:
    return submitted(point, now) if now.state == "running elsewhere" else ended(point, now)


def slots(devices: Sequence[str] | None, runs_per_device: int) -> list[Slot]:
    """Room for `runs_per_device` processes on each device, with equal shares of the cores."""
    there = _gpus()
    chosen = (there or ["cpu"]) if devices is None else list(devices)
    if not chosen:
        raise ValueError("hydra.launcher.devices is empty; null takes all there are")
    if unknown := [device for device in chosen if device not in (*there, "cpu")]:
        raise ValueError(
            f"hydra.launcher.devices: {unknown[0]} is not one of {', '.join((*there, 'cpu'))}"
        )
    threads = max(1, cores() // (len(chosen) * runs_per_device))
    return [
        Slot(
            name="cpu" if device == "cpu" else f"cuda {device}",
            variables={
                "CUDA_VISIBLE_DEVICES": "" if device == "cpu" else device,
                "OMP_NUM_THREADS": str(threads),
            },
        )
        for _ in range(runs_per_device)
        for device in chosen
    ]


def _gpus() -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them, which may be by UUID."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and torch.cuda.device_count():
        return [name.strip() for name in visible.split(",") if name.strip()]
    return [str(index) for index in range(torch.cuda.device_count())]
