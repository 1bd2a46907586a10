"""Runs beside each other: what differs in their configurations, their results, their curves.

    python scripts/compare.py RUN RUN ... [--against work] [--output compare.png]

RUN is a run folder, finished or not, such as results/runs/<name>.
--against work draws over gradients of the whole network on all training examples, the cost axis
of methods whose update costs more than one gradient, or less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from basin.core.reader import quietly
from basin.experiment.folder import RunFolder
from basin.experiment.identity import differences, essential
from basin.experiment.schema import MACHINE_ONLY
from basin.report.curves import draw
from basin.report.labels import labels
from basin.report.results import table
from basin.report.runs import AXES, Run, read_lines


def read(path: Path) -> Run:
    """One run folder; ValueError where a path is none."""
    if not (path / "config.yaml").is_file():
        what = "it has no config.yaml" if path.is_dir() else "there is no such folder"
        raise ValueError(f"{path} is no run folder ({what}); give folders of results/runs")
    try:
        return Run(
            path=path,
            settings=yaml.safe_load((path / "config.yaml").read_text()),
            lines=read_lines(path / "metrics.jsonl"),
            record=RunFolder(str(path.parent), path.name).record(),
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def names(runs: Sequence[Run]) -> list[str]:
    """What differs between the runs; the folder's name where that does not tell two apart."""
    settings = [{**essential(run.settings), "seed": run.settings["seed"]} for run in runs]
    short = labels(settings)
    return [
        label if label and short.count(label) == 1 else ", ".join(filter(None, (name, label)))
        for label, name in zip(short, [run.path.name for run in runs], strict=True)
    ]


def configurations(runs: Sequence[Run]) -> str:
    """Every field in which a run's configuration is not the first one's."""
    lines = []
    for number, run in enumerate(runs[1:], start=2):
        lines.append(f"configuration, 1 -> {number}:")
        found = differences(runs[0].settings, run.settings) or ["the same"]
        lines += [f"  {line}{_remark(line)}" for line in found]
    return "\n".join([*lines, ""])


def _remark(line: str) -> str:
    key = line.split(": ", 1)[0]
    only = any(key == name or key.startswith(f"{name}.") for name in MACHINE_ONLY)
    return "  (no part of the identity)" if only else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--output", type=Path, default=Path("compare.png"), help="default: compare.png"
    )
    parser.add_argument("--against", choices=[*AXES], default="epoch", help="default: epoch")
    chosen = parser.parse_args(arguments)
    try:
        runs = [read(path) for path in dict.fromkeys(chosen.runs)]
        called = [f"{number}: {name}" for number, name in enumerate(names(runs), start=1)]
        print("\n".join(f"{n}  ({r.path})" for n, r in zip(called, runs, strict=True)), end="\n\n")
        if len(runs) > 1:
            print(configurations(runs))
        print(table(runs))
        draw(runs, called, chosen.output, against=chosen.against)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"curves: {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(quietly(main))
