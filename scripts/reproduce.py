"""Tables of papers: reported beside reproduced, and the runs that are missing.

    python scripts/reproduce.py table=NAME [field=value ...] [-- WORDS]

table          a file of configs/table, several, or all (an overview)
action         show (default): the table and the missing runs with their cost; nothing is run
               run: the missing runs; collect: records of finished ones into results/records, of
               all tables unless some are given; render: Markdown, LaTeX, the page of results/tables
cells          words of which a cell's name has one: cells=VGG-16,SWA; whole tables are rendered
seeds          of the missing runs: seeds=0,1
budget_hours   runs that fit into it, by what was measured on this device; none of unknown cost
compare        two methods over all shared rows, at equal epochs and equal gradients: SGD,SWA
results        another results folder; folder: another folder of tables
-- WORDS       for train.py: device=cuda, hydra/launcher=..., dataset.root=...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reproduction import collecting, reading, running, showing
from reproduction.device import device_of
from reproduction.request import ROOT, Request, parse

from basin.core.reader import quietly
from basin.report.paper.cost import Costs, Point, in_order, missing, within
from basin.report.paper.rates import Estimate


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(given):
        print(__doc__)
        return 0
    try:
        request = parse(given)
        state = reading.read(request)
        unreadable = state.archive.unreadable.values()
        print("".join(f"unreadable: {one}\n" for one in unreadable), end="", file=sys.stderr)
        return _do(request, state) or int(bool(unreadable))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _do(request: Request, state: reading.State) -> int:
    if request.action == "collect":
        _say_files(collecting.collect(state, request), "every finished run has its record")
        return 0
    if request.action == "render":
        _say_files(showing.write(request, state), "nothing")
        return 0
    lacking = any(one.missing for _, outcomes in state.tables for one in outcomes)
    device = device_of(request.rest, request.results) if lacking else ""
    costs = Costs(state.archive, device, ROOT / "results" / "benchmarks")
    if request.action == "show":
        print(showing.tables_text(request, state, costs))
    if request.compare is not None:
        return 0
    priced = _missing(request, state, costs)
    if request.action == "run":
        return _run(request, state, priced, device)
    if not request.is_all:
        print(showing.points_text(priced, device) if priced else _none(request))
    return 0


def _run(
    request: Request, state: reading.State, priced: list[tuple[Point, Estimate]], device: str
) -> int:
    _say_failed(state)
    if not priced:
        print(_none(request))
        return 0
    reading.admit_runs(state, {point.name for point, _ in priced})
    print(showing.points_text(priced, device), file=sys.stderr, flush=True)
    return running.run([point for point, _ in priced], request)


def _missing(request: Request, state: reading.State, costs: Costs) -> list[tuple[Point, Estimate]]:
    """The chosen runs in the order in which they are made."""
    outcomes = [reading.of_seeds(one, request) for _, own in state.tables for one in own]
    priced = in_order(missing(outcomes), costs)
    if request.budget_hours is None:
        return priced
    unknown = sum(estimate.seconds is None for _, estimate in priced)
    if unknown:
        print(f"missing runs of unknown cost, not begun on a budget: {unknown}", file=sys.stderr)
    return within(priced, request.budget_hours)


def _none(request: Request) -> str:
    budget = request.budget_hours
    return "no run is missing" + (f" that fits budget_hours={budget:g}" if budget else "")


def _say_failed(state: reading.State) -> None:
    """Runs that ended with an error count: they are named, and not begun again."""
    every = [one for _, outcomes in state.tables for one in outcomes]
    failed = sorted({record.name for one in every for record in one.failed})
    if failed:
        print(
            f"not begun again, since they failed: {', '.join(failed)}; the tables name their"
            " errors, and python train.py with the words of the run repeats one",
            file=sys.stderr,
        )


def _say_files(files: Sequence[object], none: str) -> None:
    print("\n".join(map(str, files)) or none)


if __name__ == "__main__":
    sys.exit(quietly(main))
