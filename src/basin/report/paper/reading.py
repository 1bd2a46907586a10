"""From a YAML file of configs/table to its form; every mistake is named with its place."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from basin.report.paper.cells import read_cell
from basin.report.paper.fields import CELL, CELLS, GRID, PANEL, Node, check
from basin.report.paper.forms import Axis, Cell, Grid, Table

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_table(file: Path) -> Table:
    """The table of a file. Raises ValueError naming the file, the cell and the field."""
    try:
        text = file.read_text()
        first = text.partition("\n")[0]
        if not first.startswith("# "):
            raise ValueError("its first line is no comment that describes it")
        table = _table(file.stem, first[2:], yaml.load(text, LOADER))
        _check_whole(table)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file.name}: {' '.join(str(error).split())}") from None
    return table


def _table(name: str, description: str, node: Any) -> Table:
    kind = node.get("type") if isinstance(node, dict) else None
    if kind not in ("cells", "grid"):
        raise ValueError(f"type={kind} is not one of cells, grid")
    given = check("", GRID if kind == "grid" else CELLS, node)
    cells, grid = _grid(given) if kind == "grid" else (_cells(given), None)
    return Table(
        name=name,
        description=description,
        paper=given["paper"],
        title=given["title"],
        source=given["source"],
        rows=given.get("rows", ""),
        cells=cells,
        methods=given.get("methods", "columns"),
        baseline=str(given["baseline"]) if "baseline" in given else None,
        scaled_down=given.get("scaled_down", False),
        notes=tuple(given.get("notes", ())),
        grid=grid,
    )


def _cells(node: Node) -> tuple[Cell, ...]:
    common = {"metric": node.get("metric", "accuracy"), **node.get("common", {})}
    if "delta" in node:
        common.setdefault("delta", node["delta"])
    cells = node.get("cells", [])
    for number, own in enumerate(cells, start=1):
        if not isinstance(own, dict):
            raise ValueError(f"cell {number}={own} is not a map")
    return tuple(read_cell(_merged(common, own)) for own in cells)


def _merged(common: Node, own: Node) -> Node:
    """`own` over `common`, `reported` key by key; a cell that reports nothing says `null`."""
    merged = {**common, **own}
    shared, given = common.get("reported"), own.get("reported", {})
    if isinstance(shared, dict) and isinstance(given, dict):
        both = {**shared, **given}
        merged["reported"] = both if given or "value" in both else None
    return merged


def _grid(node: Node) -> tuple[tuple[Cell, ...], Grid]:
    """A cell for each panel, value of y and value of x."""
    x, y = (Axis(node[name]["field"], tuple(node[name]["values"])) for name in ("x", "y"))
    panels = [check("panels: ", PANEL, panel) for panel in node["panels"]]
    shared = {k: v for k, v in node.items() if k in CELL.fields}
    cells = []
    for panel, vertical, horizontal in product(panels, y.values, x.values):
        swept = [f"{y.field}={vertical}", f"{x.field}={horizontal}"]
        words = [*node.get("overrides", ()), *panel.get("overrides", ()), *swept]
        own = {**shared, "row": vertical, "column": horizontal, "overrides": words}
        cells.append(replace(read_cell(own), panel=str(panel["name"])))
    return tuple(cells), Grid(x, y, tuple(str(panel["name"]) for panel in panels))


def _check_whole(table: Table) -> None:
    """What no cell knows alone."""
    if not table.cells:
        raise ValueError(f"{'cells' if table.grid is None else 'panels'} is empty")
    keys = [cell.key for cell in table.cells]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: given twice")
    columns = {cell.column for cell in table.cells}
    if table.baseline is not None and table.baseline not in columns:
        raise ValueError(f"baseline={table.baseline} is not a column ({', '.join(columns)})")
    for cell in table.cells:
        if cell.expect and table.baseline in (None, cell.column):
            raise ValueError(
                f"{cell.key}: expect needs a baseline, another column, to compare with"
            )
        if cell.expect == "same" and cell.delta is None:
            raise ValueError(f"{cell.key}: expect=same needs a delta, within which it is so")
