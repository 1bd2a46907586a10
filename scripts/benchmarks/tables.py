"""reproduce.py on many records: seconds and memory of its answer, and of the page."""

from __future__ import annotations

import resource
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

UNIT = 2**20 if sys.platform == "darwin" else 2**10
"""Of ru_maxrss in a megabyte."""
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
        folder = generate(results, **sizes, tables=max(1, amount.cells // 10))
        where = (f"results={results}", f"folder={folder}")
        overview = [_run("table=all", *where) for _ in range(amount.repeats)]
        one = [_run("table=generated_0", *where) for _ in range(amount.repeats)]
        page = [_run("table=all", "action=render", *where)]
        size = (results / "tables" / "index.html").stat().st_size / 1e6
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / UNIT
    rows = [
        Measured("table=all", overview, "s", at_most=3),
        Measured("one table", one, "s", at_most=3),
        Measured("action=render", page, "s"),
        Measured("peak memory of all three", [memory], "MB", at_most=500),
        Measured("index.html", [size], "MB"),
    ]
    settings = {"records": amount.cells * amount.seeds, "evaluations": amount.epochs}
    return Result("tables", torch.device("cpu"), settings, rows)


def _run(*words: str) -> float:
    """Seconds of a process, from its start to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, str(REPRODUCE), *words], check=True, capture_output=True)
    return time.perf_counter() - started
