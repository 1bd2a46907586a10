"""Tables as LaTeX, for the booktabs package."""

from __future__ import annotations

import re
from collections.abc import Sequence

from basin.report.paper import text
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Table
from basin.report.paper.heat import heat_maps

ESCAPED = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"±": "$\\pm$", "≈": "$\\approx$", "–": "--", "~": "\\textasciitilde{}", "^": "\\^{}"},
    **{"\\": "\\textbackslash{}", "<": "$<$", ">": "$>$", "|": "$|$", "×": "$\\times$"},
}
SIGNED = re.compile(r"(?<![\w.])-(?=\d)")


def latex(table: Table, outcomes: Sequence[Outcome]) -> str:
    """A table environment; it needs \\usepackage{booktabs}."""
    if table.grid is None:
        rows = [text.head(table)[:-2], *(text.line(table, one)[:-2] for one in outcomes)]
        return _float(table, [_tabular(rows)], text.caption(table))
    panels = []
    for one in heat_maps(table, outcomes):
        head = [f"{table.grid.y.field} / {table.grid.x.field}", *map(str, table.grid.x.values)]
        body = zip(table.grid.y.values, one.outcomes, strict=True)
        rows = [head, *([str(y), *(text.ours(o) for o in line)] for y, line in body)]
        panels += [f"{escape(one.panel)}: {escape(one.score)}\\\\", _tabular(rows)]
    return _float(table, panels, text.caption(table))


def escape(entry: str) -> str:
    """Text as LaTeX prints it."""
    marked = SIGNED.sub("\0", entry)
    return "".join(ESCAPED.get(letter, letter) for letter in marked).replace("\0", "$-$")


def _tabular(rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(escape, row)) + r" \\" for row in rows]
    columns = "l" * len(rows[0])
    opening = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule"]
    return "\n".join([*opening, *lines[1:], r"\bottomrule", r"\end{tabular}"])


def _float(table: Table, body: Sequence[str], caption: str) -> str:
    opening = [r"\begin{table}", r"\centering", rf"\caption{{{escape(caption)}}}"]
    closing = [rf"\label{{tab:{table.name}}}", r"\end{table}", ""]
    return "\n".join([*opening, *body, *closing])
