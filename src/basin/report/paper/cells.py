"""One cell of a table file, checked field by field."""

from __future__ import annotations

from typing import Any

from basin.report.paper.fields import CELL, Node, check
from basin.report.paper.forms import Cell, Delta, Reported


def read_cell(node: Node) -> Cell:
    """A cell; ValueError naming it and the field where something is wrong."""
    where = f"{node.get('row')} / {node.get('column')}: "
    given: dict[str, Any] = check(where, CELL, node)
    without = [k for k in ("experiment", "out_of_scope", "without_run") if given.get(k)]
    if len(without) != 1:
        raise ValueError(f"{where}give one of experiment, out_of_scope, without_run, not {without}")
    if "experiment" in given and not given.get("seeds"):
        raise ValueError(f"{where}seeds is empty")
    for name in ("row", "column"):
        given[name] = str(given[name])
    for name in ("overrides", "seeds", "inferred"):
        given[name] = tuple(given.get(name, ()))
    if not isinstance(given.get("epoch", "last"), str):
        given["epoch"] = float(given["epoch"])
    if "delta" in given:
        given["delta"] = Delta(**given["delta"])
    if "reported" in given:
        given["reported"] = _reported(where, given["reported"])
    return Cell(**given)


def _reported(where: str, node: Node) -> Reported:
    if "spread" not in node:
        node = {**node, "kind": "none"}  # `common` may give the kind of the others
    elif node.get("kind", "none") == "none":
        raise ValueError(f"{where}reported.spread={node['spread']}: of which kind? sd, se, ci95")
    return Reported(**node)
