"""Seconds until something happens: help, a composed configuration, the quickstart's first step."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from first_stage import CONFIGS, composed

from basin.experiment.settings import run_settings
from basin.experiment.staging import stage_settings
from benchmarks.result import Measured, Result

TRAIN = CONFIGS.parent / "train.py"

UNTIL_FIRST_STEP = """
import os, runpy, sys
from basin.training.bookkeeping import Bookkeeping

def end(self, state):
    print("stepped", flush=True)
    os._exit(0)

Bookkeeping.end = end
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""train.py in a process that ends after its first update."""


@dataclass(frozen=True)
class Amount:
    """How often each is done; 0 leaves it out."""

    helps: int
    compositions: int
    first_steps: int


def measure(amount: Amount) -> Result:
    """The three of them; processes are timed from their start to their end."""
    rows = []
    if amount.helps:
        rows.append(Measured("train.py --help", _repeat(_help, amount.helps), "s", at_most=3))
    if amount.compositions:
        seconds = _repeat(_compose, amount.compositions)
        rows.append(Measured("composing the quickstart", seconds, "s", at_most=0.5))
    if amount.first_steps:
        seconds = _repeat(_first_step, amount.first_steps)
        rows.append(Measured("first step of the quickstart", seconds, "s", at_most=10))
    return Result("startup", torch.device("cpu"), {}, rows)


def _repeat(action: Callable[[], None], times: int) -> list[float]:
    """Seconds of each call."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return seconds


def _help() -> None:
    _run(str(TRAIN), "--help")


def _compose() -> None:
    cfg = composed(["experiment=quickstart"])
    run_settings(cfg)
    stage_settings(cfg)


def _first_step() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = ("experiment=quickstart", f"results={folder}")
        output = _run("-c", UNTIL_FIRST_STEP, str(TRAIN), *run)
    if "stepped" not in output:
        raise RuntimeError(f"the quickstart ended without a step: {output}")


def _run(*arguments: str) -> str:
    """What a Python process printed; RuntimeError where it failed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[-2:])} failed: {done.stderr}")
    return done.stdout
