"""Runs of scale-invariant networks: jumps of the training loss, and their phase diagram.

    python scripts/phase.py RUN RUN ... [--factor 10] [--output phase.png]

RUN is a run folder, finished or not, of a network that declares its scale-invariant weights
(model=convnet_si, resnet18_si). A jump is a training loss of more than `factor` times the least
since the jump before. Of a run on a sphere the dashed line of an equilibrium is not drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from compare import read

from basin.core.reader import quietly
from basin.report.phase import draw_phases, jumps
from basin.report.runs import Run


def label(run: Run) -> str:
    """What tells such runs apart, and the folder."""
    optimizer = run.settings["optimizer"]
    method = optimizer["_target_"].rpartition(".")[2]
    values = {key: run.settings.get(key) for key in ("lr", "weight_decay")}
    values["radius"] = optimizer.get("radius")
    fields = "".join(f", {key} {v:g}" for key, v in values.items() if v is not None)
    return f"{method}{fields} ({run.path.name})"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--factor", type=float, default=10.0, help="of a jump (10)")
    parser.add_argument("--output", type=Path, default=Path("phase.png"), help="(phase.png)")
    chosen = parser.parse_args(arguments)
    try:
        if not chosen.factor > 1:
            raise ValueError(f"--factor {chosen.factor} is not above 1")
        runs = [read(path) for path in dict.fromkeys(chosen.runs)]
        called = [label(run) for run in runs]
        draw_phases(runs, called, chosen.output)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for run, name in zip(runs, called, strict=True):
        at = jumps(*run.curve("train", "loss"), chosen.factor)
        where = f", epoch {', '.join(f'{epoch:g}' for epoch in at)}" if at else ""
        norms = run.curve("si_norm")[1]
        print(f"{name}: {len(at)} jump{'' if len(at) == 1 else 's'}{where};", end=" ")
        print(f"norm from {min(norms):.4g} to {max(norms):.4g}, at the end {norms[-1]:.4g}")
    print(f"picture: {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(quietly(main))
