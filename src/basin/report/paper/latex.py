"""Tables as LaTeX, for the booktabs package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.heat import heat_maps
from basin.report.paper.notes import notes_of

ESCAPED = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"±": "$\\pm$", "≈": "$\\approx$", "–": "--", "~": "\\textasciitilde{}", "^": "\\^{}"},
    **{"\\": "\\textbackslash{}", "<": "$<$", ">": "$>$", "|": "$|$", "×": "$\\times$"},
}
LONGEST = 40
"""Letters of a verdict's reason that stand in the table; longer ones are notes below."""
SIGNED = re.compile(r"(?<![\w.])-(?=\d)")


def latex(table: Table, outcomes: Sequence[Outcome]) -> str:
    """A table environment; it needs \\usepackage{booktabs}."""
    if table.grid is None:
        outcomes = [_with_short_reason(one) for one in outcomes]
        rows = text.without_empty_columns(
            [text.head(table), *(text.line(table, one) for one in outcomes)]
        )
        return _float(table, [_tabular(rows)], outcomes)
    panels = []
    for one in heat_maps(table, outcomes):
        head = [f"{table.grid.y.field} / {table.grid.x.field}", *map(str, table.grid.x.values)]
        body = zip(table.grid.y.values, one.outcomes, strict=True)
        rows = [head, *([str(y), *(text.ours(o) for o in line)] for y, line in body)]
        panels += [f"{escape(one.panel)}: {escape(one.score)}\\\\", _tabular(rows)]
    return _float(table, panels, outcomes)


def escape(entry: str) -> str:
    """Text as LaTeX prints it."""
    marked = SIGNED.sub("\0", entry)
    return "".join(ESCAPED.get(letter, letter) for letter in marked).replace("\0", "$-$")


def _with_short_reason(outcome: Outcome) -> Outcome:
    """A long reason becomes a note, since a column does not wrap."""
    judged = outcome.verdict
    if len(judged.why) <= LONGEST:
        return outcome
    return replace(outcome, verdict=replace(judged, why="", flags=(judged.why, *judged.flags)))


def _tabular(rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(escape, row)) + r" \\" for row in rows]
    columns = "l" * len(rows[0])
    opening = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule"]
    return "\n".join([*opening, *lines[1:], r"\bottomrule", r"\end{tabular}"])


def _float(table: Table, body: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    caption = escape(text.caption(table))
    opening = [r"\begin{table}", r"\centering", rf"\caption{{{caption}}}", r"\footnotesize"]
    notes = [escape(note) for note in notes_of(table, outcomes)]
    below = [r"\par\smallskip", r"\raggedright", "\\\\\n".join(notes)] if notes else []
    closing = [rf"\label{{tab:{table.name}}}", r"\end{table}", ""]
    return "\n".join([*opening, *body, *below, *closing])
