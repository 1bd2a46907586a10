"""What the terminal and the files show of tables."""

from __future__ import annotations

import re
from pathlib import Path

from basin.core.files import write_atomically
from basin.report.page.build import page
from basin.report.paper.cost import Costs, Point
from basin.report.paper.latex import latex
from basin.report.paper.markdown import grid_of, table_text
from basin.report.paper.overview import overview
from basin.report.paper.rates import Estimate
from basin.report.paper.text import interval, number
from basin.report.paper.versus import duels
from reproduction.reading import State
from reproduction.request import ROOT, Request

MARKS = re.compile(r"(<!-- overview -->\n).*?(<!-- end of overview -->)", re.DOTALL)
"""Between these lines README.md shows the overview."""


def tables_text(request: Request, state: State, costs: Costs) -> str:
    """The tables, or of all of them the overview."""
    if request.compare is not None:
        return duels_text(state, *request.compare)
    if request.is_all and not request.cells:
        return overview(state.tables, costs) + "\n"
    return "\n".join(table_text(table, outcomes) for table, outcomes in state.tables if outcomes)


def duels_text(state: State, left: str, right: str) -> str:
    """A against B, a row a cell and axis."""
    rows = [["table", "cell", "equal", "at", left, right, f"{left} - {right} [95 % CI]", "metric"]]
    for duel in duels(state.tables, left, right):
        values = [
            f"{number(value, duel.metric)} ({n})"
            for value, n in zip(duel.values, duel.ns, strict=True)
        ]
        kind = f", paired, n = {duel.gain.shared}" if duel.gain.paired else ""
        between = interval(duel.gain.difference, duel.gain.interval, duel.metric) + kind
        at = f"{duel.at:g}"
        rows.append([duel.table, duel.row, duel.axis, at, *values, between, duel.metric])
    if len(rows) == 1:
        return f"no row of these tables has runs of both {left} and {right}\n"
    return grid_of(rows) + "\n"


def points_text(priced: list[tuple[Point, Estimate]], device: str) -> str:
    """The missing runs, their cost and what that goes by."""
    if not priced:
        return "no run is missing"
    rows = [["missing run", "command", "cost", "by", "cells"]]
    for point, estimate in priced:
        words = " ".join(point.words)
        rows.append(
            [point.name, words, _time(estimate.seconds), estimate.basis, str(len(point.cells))]
        )
    known = [estimate.seconds for _, estimate in priced if estimate.seconds is not None]
    unknown = len(priced) - len(known)
    total = f"{len(priced)} run{'s' * (len(priced) > 1)}: "
    total += _time(sum(known)) if known else "no cost is known"
    if known and unknown:
        total += f", and {unknown} of unknown cost"
    unit = "device-seconds" if device.startswith(("cpu", "mps")) else "GPU-seconds"
    return f"{grid_of(rows)}\n\n{total} on {device}; costs are {unit}, evaluation apart"


def write(request: Request, state: State) -> list[Path]:
    """results/tables: Markdown and LaTeX of each table, the overview, and the page."""
    folder = request.results / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table, outcomes in state.tables:
        for suffix, content in (
            (".md", table_text(table, outcomes)),
            (".tex", latex(table, outcomes)),
        ):
            written.append(folder / f"{table.name}{suffix}")
            write_atomically(written[-1], content)
    if request.is_all and not request.cells:
        summary = overview(state.tables, None)
        written += [folder / "README.md", folder / "index.html"]
        write_atomically(written[-2], f"# Tables\n\n{summary}\n")
        write_atomically(written[-1], page(state.tables))
        written += _into_readme(summary, request)
    return written


def _into_readme(summary: str, request: Request) -> list[Path]:
    """The overview in README.md, where it has a place for it; only from the project's results."""
    readme = ROOT / "README.md"
    before = readme.read_text()
    after = MARKS.sub(lambda match: f"{match[1]}\n{summary}\n\n{match[2]}", before)
    if after == before or request.results.resolve() != ROOT / "results":
        return []
    write_atomically(readme, after)
    return [readme]


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds:.0f} s"
