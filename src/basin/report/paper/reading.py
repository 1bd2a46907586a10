"""From a YAML file of configs/table to its form; every mistake is named with its place."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import yaml

from basin.report.paper.cells import KEYS, Node, known, read_cell
from basin.report.paper.forms import Axis, Cell, Grid, Table

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
COMMON = {"type", "paper", "title", "source", "metric", "delta", "notes", "scaled_down"}
OF_CELLS = COMMON | {"rows", "baseline", "common", "cells"}
OF_GRID = (COMMON | KEYS | {"x", "y", "panels"}) - {"row", "column", "reported", "expect"}


def read_table(file: Path) -> Table:
    """The table of a file. Raises ValueError naming the file, the cell and the key."""
    text = file.read_text()
    node = yaml.load(text, LOADER)
    if not isinstance(node, dict) or node.get("type") not in ("cells", "grid"):
        raise ValueError(f"{file.name}: type is not one of cells, grid")
    first = text.splitlines()[0]
    if not first.startswith("# "):
        raise ValueError(f"{file.name}: its first line is no comment that describes it")
    try:
        cells, grid = _grid(node) if node["type"] == "grid" else (_cells(node), None)
        table = Table(
            name=file.stem,
            description=first[2:],
            paper=_text(node, "paper"),
            title=_text(node, "title"),
            source=_text(node, "source"),
            rows=node.get("rows", ""),
            cells=cells,
            baseline=node.get("baseline"),
            scaled_down=bool(node.get("scaled_down", False)),
            notes=tuple(node.get("notes", ())),
            grid=grid,
        )
        _check_whole(table)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None
    return table


def _cells(node: Node) -> tuple[Cell, ...]:
    known(node, OF_CELLS, "table")
    common = {"metric": node.get("metric", "accuracy"), **node.get("common", {})}
    if "delta" in node:
        common.setdefault("delta", node["delta"])
    return tuple(read_cell(_merged(common, own)) for own in node.get("cells", ()))


def _merged(common: Node, own: Node) -> Node:
    """`own` over `common`, `reported` key by key; a cell that reports nothing says `null`."""
    merged = {**common, **own}
    if isinstance(common.get("reported"), dict):
        given = own.get("reported")
        merged["reported"] = None if given is None else {**common["reported"], **given}
    return merged


def _grid(node: Node) -> tuple[tuple[Cell, ...], Grid]:
    """A cell for each panel, value of y and value of x."""
    known(node, OF_GRID, "grid")
    x, y = _axis(node, "x"), _axis(node, "y")
    shared = {k: v for k, v in node.items() if k in KEYS}
    cells = []
    for panel, vertical, horizontal in product(node["panels"], y.values, x.values):
        known(panel, {"name", "overrides"}, "panels")
        swept = [f"{y.field}={vertical}", f"{x.field}={horizontal}"]
        words = [*node.get("overrides", ()), *panel.get("overrides", ()), *swept]
        own = {**shared, "row": vertical, "column": horizontal, "overrides": words}
        cells.append(replace(read_cell(own), panel=str(panel["name"])))
    return tuple(cells), Grid(x, y, tuple(str(panel["name"]) for panel in node["panels"]))


def _axis(node: Node, name: str) -> Axis:
    axis = node.get(name)
    if not isinstance(axis, dict) or set(axis) != {"field", "values"} or len(axis["values"]) < 2:
        raise ValueError(f"{name}={axis} is not {{field: ..., values: [two or more]}}")
    return Axis(str(axis["field"]), tuple(axis["values"]))


def _check_whole(table: Table) -> None:
    """What no cell knows alone."""
    if not table.cells:
        raise ValueError("cells is empty")
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


def _text(node: Node, name: str) -> str:
    if not node.get(name):
        raise ValueError(f"{name} is missing")
    return str(node[name])
