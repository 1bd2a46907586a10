"""What the terminal and the files show of tables."""

from __future__ import annotations

import re
from pathlib import Path

from basin.core.files import write_atomically
from basin.report.page.build import page
from basin.report.paper.cost import Costs, Point, duration
from basin.report.paper.latex import latex
from basin.report.paper.markdown import grid_of, table_text
from basin.report.paper.overview import overview, overview_of_papers
from basin.report.paper.rates import Estimate
from basin.report.paper.text import interval, number
from basin.report.paper.versus import duels, pair_of
from reproduction.reading import State, unused
from reproduction.request import CONFIGS, ROOT, Request

MARKS = re.compile(r"(<!-- overview -->\n).*?(<!-- end of overview -->)", re.DOTALL)
"""Between these lines README.md shows a row a paper."""
INTRODUCTION = """# Tables

Written by `python scripts/reproduce.py table=all action=render`, which puts every table beside this
file as Markdown and LaTeX, and all of them on one page, `index.html`; only this file is committed.
What the columns mean is in [docs/tables.md](../../docs/tables.md)."""


def tables_text(request: Request, state: State, costs: Costs) -> str:
    """The tables, or of all of them the overview."""
    if request.compare is not None:
        return duels_text(state, request.compare)
    if request.is_all and not request.cells:
        return overview(state.tables, costs) + "\n" + _unused_text(request, state)
    return "\n".join(table_text(table, outcomes) for table, outcomes in state.tables if outcomes)


def _unused_text(request: Request, state: State) -> str:
    names = unused(state)
    if not names or request.folder.resolve() != CONFIGS / "table":  # of some tables alone
        return ""
    return (
        f"\nrecords that no table reads, whose cell or recipe has changed since:"
        f" {', '.join(names)}; restore that, or delete the files\n"
    )


def duels_text(state: State, words: str) -> str:
    """A against B, a row a cell and axis."""
    left, right = pair_of(words, state.tables)
    problems: list[str] = []
    found = duels(state.tables, left, right, problems.append)
    state.archive.unreadable.update({text: text for text in problems})  # for the exit code
    rows = [["table", "cell", "equal", "at", left, right, f"{left} - {right} [95 % CI]", "metric"]]
    for duel in found:
        values = [
            f"{number(value, duel.metric)} ({n})"
            for value, n in zip(duel.values, duel.ns, strict=True)
        ]
        kind = f", paired, n = {duel.gain.shared}" if duel.gain.paired else ""
        between = interval(duel.gain.difference, duel.gain.interval, duel.metric) + kind
        at = f"{duel.at:g}"
        rows.append([duel.table, duel.row, duel.axis, at, *values, between, duel.metric])
    broken = "".join(f"\nunreadable: {text}" for text in dict.fromkeys(problems))
    if len(rows) == 1:
        return f"no row of these tables has runs of both {left} and {right}{broken}\n"
    of_best = ", ".join(dict.fromkeys(f"{duel.table} {duel.row}" for duel in found if duel.best))
    note = f"\n\nCompared at that moment, though their cells read the best epoch: {of_best}"
    return grid_of(rows) + (note if of_best else "") + ("\n" + broken if broken else "") + "\n"


def points_text(priced: list[tuple[Point, Estimate]], device: str) -> str:
    """The missing runs, their cost and what that goes by."""
    rows = [["missing run", "command", "cost", "by", "cells"]]
    for point, estimate in priced:
        words = " ".join(point.words)
        rows.append([point.name, words, _cost(estimate), estimate.basis, str(len(point.cells))])
    known = [estimate.seconds for _, estimate in priced if estimate.seconds is not None]
    unknown = len(priced) - len(known)
    total = f"{len(priced)} run{'s' * (len(priced) > 1)}: "
    total += duration(sum(known)) if known else "no cost is known"
    if known and unknown:
        total += f", and {unknown} of unknown cost"
    kind = "device" if device.startswith(("cpu", "mps")) else "GPU"
    return f"{grid_of(rows)}\n\n{total} on {device}; costs are {kind} time, evaluation apart"


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
        written += [folder / "README.md", folder / "index.html"]
        write_atomically(written[-2], tables_page(state))
        write_atomically(written[-1], page(state.tables))
        written += _into_readme(request, state)
    return written


def tables_page(state: State) -> str:
    """results/tables/README.md."""
    return f"{INTRODUCTION}\n\n{overview(state.tables, None)}\n"


def readme_with(readme: str, state: State) -> str:
    """README.md with the overview in its place."""
    summary = overview_of_papers(state.tables)
    return MARKS.sub(lambda match: f"{match[1]}\n{summary}\n\n{match[2]}", readme)


def _into_readme(request: Request, state: State) -> list[Path]:
    """Only from the project's results."""
    readme = ROOT / "README.md"
    before = readme.read_text()
    after = readme_with(before, state)
    if after == before or request.results.resolve() != ROOT / "results":
        return []
    write_atomically(readme, after)
    return [readme]


def _cost(estimate: Estimate) -> str:
    return "unknown" if estimate.seconds is None else duration(estimate.seconds)
