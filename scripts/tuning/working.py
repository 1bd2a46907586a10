"""Workers of a search: this process, or several."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from basin.experiment.job import Stopped, tell
from basin.experiment.local import slots
from basin.experiment.rung import Runs
from basin.launch.pool import Events, Pool, Slot, Task
from basin.launch.signals import STOPPING, Interrupt
from basin.tune.board import Board
from basin.tune.joining import join
from basin.tune.opening import open_storage
from basin.tune.rungs import Rungs
from basin.tune.search import Search
from basin.tune.storage import studies
from basin.tune.worker import Worker
from basin.tune.workers import new_name
from tuning.request import CONFIGS, Request


def ends(search: Search) -> Iterator[list[str]]:
    """Words of runs at the ends of every range, with every choice at least once.

    Of the highest rung, which has the stages of all; of every rung where each trains anew.
    """
    longest = max(len(getattr(d, "choices", (0, 0))) for d in search.distributions.values())
    rungs = [search.ladder.top] if search.rate.continues else range(search.ladder.top + 1)
    for index in range(longest):
        point = dict[str, object]()
        for name, one in search.distributions.items():
            both = getattr(one, "choices", None) or (one.low, one.high)  # type: ignore[attr-defined]
            point[name] = both[min(index, len(both) - 1)]
        yield from (search.words(point, 0, rung) for rung in rungs)


@contextmanager
def stopping() -> Iterator[None]:
    """A signal between two runs raises Stopped at once; within one, after its checkpoint."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(128 + number)

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def work(request: Request) -> int:
    """One worker; returns 0. Everything that can be wrong is found before it trains."""
    search = request.search
    assert search is not None
    runs = Runs(CONFIGS)
    for one in ends(search):
        point = runs.check([*one, *request.rest])
        runs.read(point)
    base = runs.point([*search.overrides, *request.rest])
    shared = studies(open_storage(request.storage, request.folder), request.study)
    join(shared, search, base.identities, request.folder)
    tell(f"study {request.study}; runs in {point.settings['results']}")
    with stopping():
        Worker(
            rungs=Rungs(search, shared, lambda words: runs([*words, *request.rest])),
            board=Board(shared.storage, shared.rungs, new_name()),
            folder=request.folder,
            tell=tell,
        ).work()
    return 0


def work_together(request: Request) -> int:
    """`workers=` processes on each device; returns an exit code."""
    assert request.workers is not None
    places = slots(None, request.workers)
    codes = dict[int, int]()
    script = Path(__file__).resolve().parents[1] / "tune.py"
    command = [sys.executable, str(script), "action=work", *request.words]
    logs = [request.folder / "logs" / f"worker-{number}.log" for number in range(len(places))]

    def ended(number: int, code: int) -> None:
        codes[number] = code
        if code and not interrupt.requested:
            last = logs[number].read_text(errors="replace").strip().rpartition("\n")[2]
            tell(f"worker {number} ended with exit code {code}: {last}")

    def started(number: int, slot: Slot) -> None:
        tell(f"worker {number} on {slot.name}: {logs[number]}")

    with Interrupt() as interrupt:
        Pool(places, Events(started, ended, lambda: None)).run(
            [Task(command, {}, log) for log in logs], interrupt
        )
        if interrupt.requested:
            raise Stopped(interrupt.resignal())
    return max(map(abs, codes.values()), default=0)
