"""Staying until every run of a sweep has ended; leaving earlier ends none of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from basin.launch.state import RunState, look


def counted(states: Sequence[RunState]) -> str:
    """`3 done, 2 running, 1 queued`."""
    counts = Counter(now.state for now in states)
    order = ("done", "running", "running elsewhere", "preempted", "queued", "failed")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


def wait(
    folders: Sequence[Path],
    *,
    seconds: float,
    notice: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> list[RunState]:
    """The states of runs, once nothing goes on with any of them.

    A run that is not done must be so at two looks: a job may end a moment before its files are
    seen here. While SLURM does not answer, nothing has ended.
    """
    before, said = list[RunState](), ""
    while True:
        states = look(folders)
        over = not any(now.live for now in states)
        if over and (all(now.state == "done" for now in states) or _same(states, before)):
            return states
        silent = any(now.note == "SLURM does not answer" for now in states)
        text = counted(states) + ("; SLURM does not answer, still waiting" if silent else "")
        if text != said:
            notice(text)
        before, said = states, text
        sleep(seconds)


def _same(states: Sequence[RunState], before: Sequence[RunState]) -> bool:
    return [(a.state, a.live) for a in states] == [(b.state, b.live) for b in before]
