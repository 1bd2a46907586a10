"""The results of a sweep: a tidy table, and means over seeds.

    python scripts/summarise.py SWEEP [--output results.csv] [--parquet]

The exit status is 0 where every point is done, else 1; what failed hides nothing of the others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from basin.core.files import write_atomically
from basin.core.reader import quietly
from basin.launch.find import ROOT, rows_of, sweeps
from basin.launch.overview import overview
from basin.launch.state import RunState, look
from basin.report.tidy import lines, summary, to_csv, write_parquet


def with_record(now: RunState) -> tuple[RunState, dict[str, Any] | None]:
    """A run and, where it is finished, its record; one whose record is damaged has failed."""
    if now.state != "done":
        return now, None
    file = now.folder / "record.json"
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        lines("", [], now.state, record)
    except (ValueError, KeyError, TypeError):
        note = f"{file} is damaged; rerun=true trains the run anew"
        return replace(now, state="failed", note=note), None
    return now, record


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", help="folder, name or experiment")
    parser.add_argument("--sweeps", type=Path, default=ROOT, help=f"default: {ROOT}")
    parser.add_argument("--output", type=Path, help="default: results.csv in the sweep's folder")
    parser.add_argument("--parquet", action="store_true", help="a Parquet file beside the CSV")
    chosen = parser.parse_args(arguments)
    try:
        folders = sweeps(chosen.sweep, chosen.sweeps)
        rows = rows_of(folders)
        states, table = [], []
        for row, found in zip(rows, look([Path(row.folder) for row in rows]), strict=True):
            now, record = with_record(found)
            states.append(now)
            table += lines(row.label, row.words, now.state, record)
        output = chosen.output or folders[-1] / "results.csv"
        write_atomically(output, to_csv(table))
        if chosen.parquet:
            write_parquet(table, output.with_suffix(".parquet"))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    left = [now for now in states if now.state != "done"]
    if left:
        print(overview(rows, left), end="\n\n")
    print(summary(table) or "no point is done yet")
    print(f"table: {output}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(quietly(main))
