"""Golden trajectories: 20 losses and the weight norms of every option of the configuration.

    python scripts/golden.py --check                  does any number differ from tests/golden?
    python scripts/golden.py --update [NAME ...]      record anew, only where CHANGELOG says why

NAME is an option (sgd) or a golden file's (optimizer_sgd). Options are found by their YAML files:
each one of the groups that change numbers, and of each model class the one with the fewest
parameters. A trajectory is WRN-16-1 in float64 on one CPU thread, 36 digits in batches of 8
(the fifth has 4), four epochs; tests/golden/overrides.yaml has what an option needs to act in them.

Numbers are compared exactly where the recorded platform is this one: torch's version and CPU
capability, its BLAS, and vendor, family and vector units of the CPU, because MKL chooses float64
kernels by these: an AMD and an Intel CPU of capability AVX2 round differently. On every other
platform the relative tolerance is 1e-9; docs/performance.md has what rounding alone does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isclose
from pathlib import Path
from typing import Any

import yaml
from first_stage import CONFIGS
from goldens.trajectory import Trajectory, options, trajectory

from basin.core.files import write_json
from basin.core.reader import quietly

GOLDEN = CONFIGS.parent / "tests" / "golden"
RTOL = 1e-9


def compare(recorded: Trajectory, now: Trajectory) -> str:
    """Empty where two trajectories agree, else what differs first."""
    if recorded.overrides != now.overrides:
        return f"was recorded with {' '.join(recorded.overrides)}; record it anew"
    same = recorded.platform == now.platform
    tolerance = 0.0 if same else RTOL
    for what, old, new in _pairs(recorded, now):
        if old is None or new is None or not isclose(old, new, rel_tol=tolerance, abs_tol=0.0):
            where = "" if same else f" (more than {RTOL:g} apart; recorded on {recorded.platform})"
            return f"{what} was {old!r}, is {new!r}{where}"
    return ""


def _pairs(recorded: Trajectory, now: Trajectory) -> Iterator[tuple[str, Any, Any]]:
    for step, (old, new) in enumerate(zip(recorded.losses, now.losses, strict=True)):
        yield f"the loss of step {step}", old, new
    for name in {**recorded.norms, **now.norms}:
        yield f"the weight norm of {name}", recorded.norms.get(name), now.norms.get(name)


def check(file: Path, now: Trajectory) -> str:
    """Empty where a golden file says the same, else what is wrong."""
    if not file.exists():
        return f"has no golden file; python scripts/golden.py --update {file.stem}"
    return compare(Trajectory(**json.loads(file.read_text())), now)


def wanted(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Golden names of what a user calls `sgd` or `optimizer_sgd`; all where nothing is named."""
    chosen = []
    for name in names:
        matching = [k for k in known if name in (k, k.split("_", 1)[1])]
        if not matching:
            raise ValueError(f"{name} is not an option with a trajectory: {', '.join(known)}")
        chosen += matching
    return chosen or list(known)


def main(arguments: Sequence[str] | None = None, golden: Path = GOLDEN) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="exit code 1 where a number differs")
    what.add_argument("--update", nargs="*", metavar="NAME", help="record; all where none is named")
    chosen = parser.parse_args(arguments)
    overrides = options(yaml.safe_load((GOLDEN / "overrides.yaml").read_text()))
    try:
        names = wanted(chosen.update or (), list(overrides))
    except ValueError as error:
        parser.error(str(error))
    wrong = 0
    for name in names:
        now = trajectory(overrides[name])
        if chosen.check:
            difference = check(golden / f"{name}.json", now)
            wrong += bool(difference)
            print(f"{name}: {difference or 'the same'}", flush=True)
        else:
            write_json(golden / f"{name}.json", asdict(now))
            print(f"{name}: recorded", flush=True)
    for file in sorted(golden.glob("*.json")):
        if file.stem not in overrides:
            wrong += bool(chosen.check)
            print(f"{file.stem}: is no option any more; remove {file}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(quietly(main))
