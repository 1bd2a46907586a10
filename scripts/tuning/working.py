"""Workers of a search: this process, or several."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from basin.experiment.job import Stopped, tell
from basin.experiment.local import slots
from basin.experiment.rung import Runs
from basin.launch.pool import Events, Pool, Slot, Task
from basin.launch.signals import Interrupt
from basin.tune.board import Board
from basin.tune.search import Search
from basin.tune.storage import join, open_storage, studies
from basin.tune.worker import Worker
from basin.tune.workers import new_name
from tuning.request import CONFIGS, Request


def corners(search: Search) -> list[dict[str, object]]:
    """The ends of every range, and every choice at least once."""
    longest = max(len(getattr(d, "choices", (0, 0))) for d in search.distributions.values())
    made = []
    for index in range(longest):
        point = dict[str, object]()
        for name, one in search.distributions.items():
            ends = getattr(one, "choices", None) or (one.low, one.high)  # type: ignore[attr-defined]
            point[name] = ends[min(index, len(ends) - 1)]
        made.append(point)
    return made


def work(request: Request) -> int:
    """One worker; returns 0. Everything that can be wrong is found before it trains."""
    search = request.search
    assert search is not None
    runs = Runs(CONFIGS)
    for params in corners(search):
        for number in {0, (search.configurations or 1) - 1}:
            top = search.words(params, number, search.ladder.top)
            point = runs.check([*top, *request.rest])
    base = runs.point([*search.overrides, *request.rest])
    shared = studies(open_storage(request.storage, request.folder), request.study)
    join(shared, search, base.identities)
    tell(f"study {request.study}; runs in {point.settings['results']}")
    Worker(
        search=search,
        studies=shared,
        board=Board(shared.storage, shared.rungs, new_name()),
        folder=request.folder,
        train=lambda words: runs([*words, *request.rest]),
        tell=tell,
    ).work()
    return 0


def work_together(request: Request, arguments: Sequence[str]) -> int:
    """`workers=` processes on each device; returns an exit code."""
    assert request.workers is not None
    places = slots(None, request.workers)
    codes = dict[int, int]()
    kept = [word for word in arguments if not word.startswith(("workers=", "action="))]
    own = ["action=work", *kept]
    script = Path(__file__).resolve().parents[1] / "tune.py"
    logs = [request.folder / "logs" / f"worker-{number}.log" for number in range(len(places))]
    tasks = [Task([sys.executable, str(script), *own], {}, log) for log in logs]

    def ended(number: int, code: int) -> None:
        codes[number] = code
        if code:
            last = logs[number].read_text(errors="replace").strip().rpartition("\n")[2]
            tell(f"worker {number} ended with exit code {code}: {last}")

    def started(number: int, slot: Slot) -> None:
        tell(f"worker {number} on {slot.name}: {logs[number]}")

    with Interrupt() as interrupt:
        Pool(places, Events(started, ended, lambda: None)).run(tasks, interrupt)
        if interrupt.requested:
            raise Stopped(interrupt.resignal())
    return max(map(abs, codes.values()), default=0)
