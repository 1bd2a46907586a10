"""One cell of a table file, checked key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from basin.report.paper.forms import Cell, Delta, Reported

Node = dict[str, Any]
CHOICES = {
    "aggregate": ("mean", "median", "best"),
    "part": ("test", "validation"),
    "expect": ("lower", "higher", "same", None),
    "kind": ("sd", "se", "ci95", "none"),
}
METRICS = ("accuracy", "accuracy5", "error", "error5", "nll", "ece", "excess_risk")
KEYS = {field.name for field in fields(Cell)} - {"panel"}


def read_cell(node: Node) -> Cell:
    """A cell; ValueError naming it and the key where something is wrong."""
    where = f"{node.get('row')} / {node.get('column')}"
    known(node, KEYS, where)
    for name in ("row", "column"):
        if node.get(name) in (None, ""):
            raise ValueError(f"{where}: {name} is missing")
    without = [k for k in ("experiment", "out_of_scope", "without_run") if node.get(k)]
    if len(without) != 1:
        raise ValueError(
            f"{where}: give one of experiment, out_of_scope, without_run, not {without}"
        )
    _one_of(where, node, ("aggregate", "part", "expect"))
    metric = str(node.get("metric", "accuracy"))
    if metric not in METRICS and not metric.startswith("line:"):
        raise ValueError(
            f"{where}: metric={metric} is not one of {', '.join(METRICS)}, line:<path>"
        )
    made = {key: value for key, value in node.items() if value is not None}
    for name, convert in CONVERT.items():
        if name in made:
            made[name] = convert(where, made[name])
    if node.get("experiment") and not made.get("seeds"):
        raise ValueError(f"{where}: seeds is empty")
    return Cell(**made)


def _epoch(where: str, value: Any) -> str | float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if not number and value not in ("last", "best"):
        raise ValueError(f"{where}: epoch={value} is not last, best, or a number of epochs")
    return float(value) if number else str(value)


def _reported(where: str, node: Node) -> Reported:
    known(node, {field.name for field in fields(Reported)}, f"{where}: reported")
    if not isinstance(node.get("value"), (int, float)):
        raise ValueError(f"{where}: reported.value={node.get('value')} is not a number")
    _one_of(f"{where}: reported", node, ("kind",))
    _one_of(f"{where}: reported", {"aggregate": "mean", **_given(node)}, ("aggregate",))
    if node.get("spread") is None:
        node = {**node, "kind": "none"}  # `common` may give the kind of the others
    elif node.get("kind", "none") == "none":
        raise ValueError(f"{where}: reported.spread={node['spread']}: of which kind? sd, se, ci95")
    return Reported(**_given(node))


def _delta(where: str, node: Node) -> Delta:
    if set(node) != {"value", "reason"} or not node["reason"] or not float(node["value"]) > 0:
        raise ValueError(f"{where}: delta={node} is not {{value: above 0, reason: why}}")
    return Delta(float(node["value"]), str(node["reason"]))


def _words(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{where}: {value} is not a list of words")
    return tuple(value)


def _seeds(where: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len({*map(str, value)}) < len(value):
        raise ValueError(f"{where}: seeds={value} is not a list of different numbers")
    return tuple(int(seed) for seed in value)


CONVERT: Mapping[str, Callable[[str, Any], Any]] = {
    "row": lambda where, value: str(value),
    "column": lambda where, value: str(value),
    "epoch": _epoch,
    "seeds": _seeds,
    "overrides": _words,
    "inferred": _words,
    "reported": _reported,
    "delta": _delta,
}


def _given(node: Node) -> Node:
    return {key: value for key, value in node.items() if value is not None}


def known(node: Node, names: set[str], where: str) -> None:
    """Raise ValueError where a key is none of these."""
    unknown = sorted(set(node) - names)
    if unknown:
        raise ValueError(
            f"{where}: {', '.join(unknown)} unknown; there are {', '.join(sorted(names))}"
        )


def _one_of(where: str, node: Node, names: tuple[str, ...]) -> None:
    for name in names:
        if name in node and node[name] not in CHOICES[name]:
            allowed = ", ".join(map(str, CHOICES[name]))
            raise ValueError(f"{where}: {name}={node[name]} is not one of {allowed}")
