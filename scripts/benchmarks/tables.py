"""reproduce.py on many records: seconds and memory of its answer, and of the page."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from first_stage import CONFIGS

from benchmarks.records import generate
from benchmarks.result import Measured, Result

WITH_PEAK = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(sys.argv[0]).parent))
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""
"""reproduce.py, and the most kB that its process held; ru_maxrss counts its parent's too."""
REPRODUCE = CONFIGS.parent / "scripts" / "reproduce.py"


@dataclass(frozen=True)
class Amount:
    """Records are cells x seeds."""

    cells: int
    seeds: int
    epochs: int  # evaluations in each
    repeats: int


def measure(amount: Amount) -> Result:
    """The overview, one table, and rendering, each a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        results = Path(name)
        sizes = {"cells": amount.cells, "seeds": amount.seeds, "epochs": amount.epochs}
        folder = generate(results, **sizes, tables=max(1, amount.cells // 10), lacking=1)
        where = (f"results={results}", f"folder={folder}")
        overview = [_run("table=all", *where) for _ in range(amount.repeats)]
        one = [_run("table=generated_0", *where) for _ in range(amount.repeats)]
        page = [_run("table=all", "action=render", *where)]
        size = (results / "tables" / "index.html").stat().st_size / 1e6
    rows = [
        Measured("table=all", [seconds for seconds, _ in overview], "s", at_most=3),
        Measured("one table", [seconds for seconds, _ in one], "s", at_most=3),
        Measured("action=render", [seconds for seconds, _ in page], "s"),
        Measured("peak memory of table=all", [mb for _, mb in overview], "MB", at_most=500),
        Measured("peak memory of action=render", [mb for _, mb in page], "MB", at_most=500),
        Measured("index.html", [size], "MB"),
    ]
    settings = {"records": amount.cells * amount.seeds, "evaluations": amount.epochs}
    return Result("tables", torch.device("cpu"), settings, rows)


def _run(*words: str) -> tuple[float, float]:
    """Seconds of a process from its start to its end, and the most megabytes that it held."""
    started = time.perf_counter()
    command = [sys.executable, "-c", WITH_PEAK, str(REPRODUCE), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, int(done.stderr.splitlines()[-1]) / 1024
