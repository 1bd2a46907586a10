"""What each field of a table file may hold, in one place; what it may not is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

Node = dict[str, Any]
METRICS = ("accuracy", "accuracy5", "error", "error5", "nll", "ece", "excess_risk")


@dataclass(frozen=True)
class Kind:
    """Values of a field: whether one is allowed, and which are, in words."""

    allowed: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Form:
    """A map: its fields, and those that it must have."""

    fields: Mapping[str, Kind | Form]
    required: Sequence[str] = ()


def check(where: str, form: Form, node: Any, prefix: str = "") -> Node:
    """The map without its nulls. Raises ValueError naming the place, the field and its value."""
    if not isinstance(node, dict):
        raise ValueError(f"{(where + prefix).rstrip('.: ')}={node} is not a map")
    unknown = sorted({*map(str, node)} - {*form.fields})
    if unknown:
        there = ", ".join(sorted(form.fields))
        raise ValueError(f"{where}{prefix}{', '.join(unknown)} unknown; there are {there}")
    given = {name: value for name, value in node.items() if value is not None}
    for name in form.required:
        if given.get(name) in (None, ""):
            raise ValueError(f"{where}{prefix}{name} is missing")
    for name, value in given.items():
        own = form.fields[name]
        if isinstance(own, Form):
            given[name] = check(where, own, value, f"{prefix}{name}.")
        elif not own.holds(value):
            raise ValueError(f"{where}{prefix}{name}={_short(value)} is not {own.allowed}")
    return given


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _one_of(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", lambda value: value in words)


def _list_of(kind: Kind, what: str, least: int = 0) -> Kind:
    def holds(value: Any) -> bool:
        return isinstance(value, list) and len(value) >= least and all(map(kind.holds, value))

    return Kind(what, holds)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _matching(pattern: str, allowed: str) -> Kind:
    found = re.compile(pattern)
    return Kind(allowed, lambda value: isinstance(value, str) and bool(found.fullmatch(value)))


TEXT = Kind("text", lambda value: isinstance(value, str))
NAME = Kind("text or a number", lambda value: isinstance(value, str) or _number(value))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
WORDS = _list_of(TEXT, "a list of words")
NUMBER = Kind("a number", _number)
LIST = Kind("a list", lambda value: isinstance(value, list))
MAP = Kind("a map", lambda value: isinstance(value, dict))
METRIC = _matching(f"{'|'.join(METRICS)}|line:.+", f"one of {', '.join(METRICS)}, line:<path>")
WHOLE = _list_of(Kind("", lambda value: _whole(value) and value >= 0), "")
SEEDS = Kind(
    "a list of different whole numbers from 0",
    lambda value: WHOLE.holds(value) and len({*value}) == len(value),
)
ABOVE_0 = Kind("a number above 0", lambda value: _number(value) and value > 0)
EPOCH = Kind(
    "last, best, or a number of epochs above 0",
    lambda value: value in ("last", "best") or ABOVE_0.holds(value),
)
TAG = _matching(
    r"[TPRLFMIWD](-hi|-md|-lo)?(:.+)?", "T, P, R, L, F, or unverified M, I, W, D, with :place"
)

DELTA = Form({"value": ABOVE_0, "reason": TEXT}, required=("value", "reason"))
REPORTED = Form(
    {
        "value": NUMBER,
        "spread": Kind("a number from 0", lambda value: _number(value) and value >= 0),
        "kind": _one_of("sd", "se", "ci95", "none"),
        "n": Kind("a whole number from 1", lambda value: _whole(value) and value >= 1),
        "aggregate": _one_of("mean", "median", "best"),
        "tag": TAG,
        "source": TEXT,
    },
    required=("value",),
)
CELL = Form(
    {
        **{"row": NAME, "column": NAME, "experiment": TEXT, "overrides": WORDS},
        **{"seeds": SEEDS, "solution": TEXT, "epoch": EPOCH, "epoch_is": TEXT},
        **{"aggregate": REPORTED.fields["aggregate"], "metric": METRIC, "method": TEXT},
        **{"part": _one_of("test", "validation"), "expect": _one_of("lower", "higher", "same")},
        **{"delta": DELTA, "inferred": WORDS, "reported": REPORTED, "note": TEXT},
        **{"out_of_scope": TEXT, "without_run": TEXT},
    },
    required=("row", "column"),
)
OF_BOTH: Mapping[str, Kind | Form] = {
    "type": _one_of("cells", "grid"),
    "paper": _matching(r"\w+", "a name of letters, digits and _"),
    **{"title": TEXT, "source": TEXT, "metric": METRIC, "delta": DELTA},
    "notes": _list_of(TEXT, "a list of sentences"),
    "scaled_down": FLAG,
}
CELLS = Form(
    {
        **{**OF_BOTH, "rows": TEXT, "baseline": NAME, "common": MAP, "cells": LIST},
        "methods": _one_of("columns", "rows"),
    },
    required=("paper", "title", "source"),
)
AXIS = Form(
    {"field": TEXT, "values": _list_of(NAME, "a list of two values or more", least=2)},
    required=("field", "values"),
)
PANEL = Form({"name": NAME, "overrides": WORDS}, required=("name",))
OF_EACH = ("row", "column", "reported", "expect")  # what a grid makes, or has not
GRID = Form(
    {
        **OF_BOTH,
        **{name: kind for name, kind in CELL.fields.items() if name not in OF_EACH},
        **{"x": AXIS, "y": AXIS, "panels": LIST},
    },
    required=("paper", "title", "source", "x", "y", "panels"),
)
