"""The missing runs, by train.py: through a sweeper that takes points, or one after the other."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from basin.core.files import write_atomically
from basin.report.paper.cost import Point
from reproduction.request import CONFIGS, ROOT, Request

TRAIN = str(ROOT / "train.py")


def run(points: Sequence[Point], request: Request) -> int:
    """Make them; returns an exit code. A stopped one goes on by the same command."""
    rest = list(request.rest)
    if request.results.resolve() != ROOT / "results":
        rest.append(f"results={request.results.resolve() / 'runs'}")
    if (CONFIGS / "hydra" / "sweeper" / "basin.yaml").is_file():
        file = write_points(points, request.results)
        sweep = ["-m", "hydra/sweeper=basin", f"hydra.sweeper.points={file}"]
        return _train([*sweep, *rest])
    return _one_by_one(points, rest)


def write_points(points: Sequence[Point], results: Path) -> Path:
    """A point a line, as a shell would take its overrides."""
    file = results / "sweeps" / "reproduce.points"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, "".join(f"{shlex.join(point.words)}\n" for point in points))
    return file.resolve()


def _one_by_one(points: Sequence[Point], rest: list[str]) -> int:
    """A run that fails does not keep the others from being made."""
    failed = 0
    for number, point in enumerate(points, start=1):
        print(f"{number} of {len(points)}: {shlex.join(point.words)}", file=sys.stderr, flush=True)
        code = _train([*point.words, *rest])
        if code < 0 or code >= 128:  # stopped by a signal
            return code if code >= 128 else 128 - code
        failed += code != 0
    if failed:
        print(f"{failed} of {len(points)} runs failed", file=sys.stderr)
    return 1 if failed else 0


def _train(words: list[str]) -> int:
    """train.py as its own process; an interrupt reaches it too, and it leaves a checkpoint."""
    process = subprocess.Popen([sys.executable, TRAIN, *words], cwd=ROOT)
    before = signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    interrupted = False
    try:
        while True:
            try:
                code = process.wait()
                return 130 if interrupted else code
            except KeyboardInterrupt:  # the terminal has sent it to the process as well
                interrupted = True
    finally:
        signal.signal(signal.SIGTERM, before)
