"""results/tables/index.html: every table of every paper, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from basin.report.page.data import cell_data, configuration_of, deflated, run_data
from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.heat import HeatMap, heat_maps
from basin.report.paper.notes import notes_of
from basin.report.paper.records import Record

PLOT = "uPlot-1.6.32.min"
"""MIT licence, in uPlot-LICENSE.txt; https://github.com/leeoniya/uPlot."""
Tables = Sequence[tuple[Table, list[Outcome]]]


def page(tables: Tables) -> str:
    """The whole file."""
    papers = dict.fromkeys(table.paper for table, _ in tables)
    links = "".join(f'<a href="#{escape(p)}">{escape(p)}</a>' for p in papers)
    body: list[str] = []
    data: list[str] = []
    runs: dict[str, Record] = {}
    for paper in papers:
        body.append(f'<h2 id="{escape(paper)}">{escape(paper)}</h2>')
        for table, outcomes in tables:
            if table.paper == paper:
                body += _table(table, outcomes)
                data += _cells(table, outcomes)
                runs |= {record.name: record for one in outcomes for record in one.records}
    data += [_script(f"run {name}", run_data(record)) for name, record in runs.items()]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>basin: papers and runs</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_asset(f'{PLOT}.css')}\n{_asset('style.css')}</style></head><body>",
            "<h1>Reported, beside reproduced</h1>",
            f'<p class="soft">{len(runs)} runs. A row opens its runs.</p><nav>{links}</nav>',
            *body,
            "<dialog></dialog>",
            *data,
            f"<script>/*{_asset('uPlot-LICENSE.txt')}*/\n{_asset(f'{PLOT}.js')}</script>",
            f"<script>{_asset('page.js')}</script>",
            "</body></html>\n",
        ]
    )


def _table(table: Table, outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"<h3>{escape(table.title)}</h3><p>{escape(text.caption(table))}</p>"
    if table.grid is None:
        head = "".join(f"<th>{escape(name)}</th>" for name in text.head(table))
        yield f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>'
        yield from (_line(table, one) for one in outcomes)
        yield "</tbody></table></div>"
    else:
        for one in heat_maps(table, outcomes):
            yield from _heat_map(table, one)
    if notes := notes_of(table, outcomes):
        yield f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul>'


def _line(table: Table, outcome: Outcome) -> str:
    entries = [escape(entry) for entry in text.line(table, outcome)]
    place = text.head(table).index("verdict")
    word = outcome.verdict.word.split()[0]
    entries[place] = f'<span class="word {word}">{entries[place]}</span>'
    if outcome.experiment is None:
        return f"<tr>{''.join(f'<td>{entry}</td>' for entry in entries)}</tr>"
    entries[2] = f'<button type="button">{entries[2]}</button>'
    cells = "".join(f"<td{' class=free' * (i == place)}>{e}</td>" for i, e in enumerate(entries))
    return f'<tr data-cell="{escape(_id(table, outcome))}">{cells}</tr>'


def _heat_map(table: Table, found: HeatMap) -> Iterator[str]:
    """Values coloured from the best to the worst of their panel."""
    assert table.grid is not None
    x, y = table.grid.x, table.grid.y
    yield f"<p><b>{escape(found.panel)}</b>: {escape(found.score)}</p>"
    head = "".join(f"<th>{escape(str(value))}</th>" for value in x.values)
    yield f'<div class="wide"><table class="heat"><thead><tr><th>{escape(y.field)} \\ '
    yield f"{escape(x.field)}</th>{head}</tr></thead><tbody>"
    known = sorted(one.ours for row in found.outcomes for one in row if one.ours is not None)
    for value, row in zip(y.values, found.outcomes, strict=True):
        cells = "".join(_heat_cell(table, one, known) for one in row)
        yield f"<tr><th>{escape(str(value))}</th>{cells}</tr>"
    yield "</tbody></table></div>"


def _heat_cell(table: Table, outcome: Outcome, known: list[float]) -> str:
    style = ""
    if outcome.ours is not None and known[-1] > known[0]:
        share = (outcome.ours - known[0]) / (known[-1] - known[0])
        share = share if outcome.cell.higher_is_better else 1 - share
        colour = f"hsl({20 + 180 * share:.0f} 55% {38 + 22 * share:.0f}% / .55)"
        style = f' style="background:{colour}"'
    button = f'<button type="button">{escape(text.ours(outcome))}</button>'
    return f'<td data-cell="{escape(_id(table, outcome))}"{style}>{button}</td>'


def _cells(table: Table, outcomes: Sequence[Outcome]) -> Iterator[str]:
    known: dict[str, str] = {}
    for one in outcomes:
        if one.experiment is not None:
            run = one.experiment.recipe.run
            known.setdefault(run, configuration_of(one))
            yield _script(_id(table, one), cell_data(table, one, known[run]))


def _id(table: Table, outcome: Outcome) -> str:
    return f"cell {table.name} {outcome.cell.key}"


def _script(name: str, value: object) -> str:
    return f'<script type="text/plain" id="{escape(name)}">{deflated(value)}</script>'


def _asset(name: str) -> str:
    return (files("basin.report.page") / name).read_text()
