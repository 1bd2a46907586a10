"""The process of several frozen runs: python -m basin.experiment.member_process SNAPSHOT FOLDER...

SNAPSHOT is the folder of their code, or `-` for what is imported.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from basin.experiment.child import ELSEWHERE, exit_code
from basin.experiment.frozen import FrozenJob
from basin.experiment.members import Membership
from basin.launch.signals import Interrupt
from basin.training.together import Answer, Asked, Member, Together
from basin.training.turns import Turns


def main(arguments: Sequence[str]) -> int:
    """Train all; returns the exit code."""
    snapshot, *folders = arguments
    jobs = [FrozenJob(folder, None if snapshot == "-" else snapshot) for folder in folders]
    with Interrupt() as interrupt:
        codes = train(jobs, interrupt)
        if interrupt.requested:
            return interrupt.resignal()
    bad = [code for code in codes if code]
    return next((code for code in bad if code != ELSEWHERE), ELSEWHERE) if bad else 0


def train(jobs: Sequence[FrozenJob], interrupt: Interrupt) -> list[int]:
    """Each in a thread of its own, one at a time; the exit code that it would have had alone.

    One that ends, whatever way, leaves the others. A signal stops them all.
    """
    turns: Turns[Asked, Answer] = Turns(len(jobs), Together())
    codes = [1] * len(jobs)

    def one(number: int) -> None:
        place = Membership(Member(number, turns), len(jobs), lambda: interrupt.signal or 0)
        with turns.taking_part():
            codes[number] = exit_code(jobs[number], place)

    threads = [
        threading.Thread(target=one, args=(number,), name=job.folder, daemon=True)
        for number, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
