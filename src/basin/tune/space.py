"""A search space in YAML as Optuna's distributions."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

KEYS = {
    "float": ("low", "high"),
    "log": ("low", "high"),
    "int": ("low", "high"),
    "categorical": ("choices",),
}
"""Kinds, and what each needs beside its `type`."""
SIMPLE = (str, int, float, bool, type(None))

Space = dict[str, BaseDistribution]


def space_of(node: Any) -> Space:
    """Distributions by field of train.py. Raises ValueError naming the field."""
    if not isinstance(node, Mapping) or not node:
        raise ValueError(
            f"space={node!r} is not a mapping of one or more fields of train.py, such as"
            " {lr: {type: log, low: 0.01, high: 1.0}}"
        )
    return {str(field): _distribution(f"space.{field}", entry) for field, entry in node.items()}


def words(params: Mapping[str, Any]) -> list[str]:
    """Overrides of train.py that say what was drawn; floats round-trip."""
    return [f"{field}={_text(value)}" for field, value in params.items()]


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value) if isinstance(value, (int, float)) else str(value)


def _distribution(name: str, entry: Any) -> BaseDistribution:
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str) or kind not in KEYS:
        near = get_close_matches(str(kind), KEYS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{name}.type={kind!r} is not one of {', '.join(KEYS)}{hint}")
    missing = [key for key in KEYS[kind] if key not in entry]
    unknown = sorted(str(key) for key in entry if key not in ("type", *KEYS[kind]))
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has no {', '.join(unknown)}"
        raise ValueError(f"{name}: type={kind} {wrong}; it takes {', '.join(KEYS[kind])}")
    if kind == "categorical":
        return _choices(name, entry["choices"])
    low, high = _bounds(name, kind, entry["low"], entry["high"])
    if kind == "int":
        return IntDistribution(int(low), int(high))
    return FloatDistribution(float(low), float(high), log=kind == "log")


def _choices(name: str, choices: Any) -> CategoricalDistribution:
    if not isinstance(choices, list) or len(choices) < 2:
        raise ValueError(f"{name}.choices={choices!r}: give a list of two or more")
    for choice in choices:
        if not isinstance(choice, SIMPLE):
            raise ValueError(f"{name}.choices: {choice!r} is neither a number, a word nor null")
    if len(set(map(_text, choices))) < len(choices):
        raise ValueError(f"{name}.choices={choices!r}: one of them stands there twice")
    return CategoricalDistribution(choices)


def _bounds(name: str, kind: str, low: Any, high: Any) -> tuple[float, float]:
    wanted = int if kind == "int" else (int, float)
    for key, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, wanted) or not isfinite(value):
            hint = " (YAML reads 1e-4 as a word: write 1.0e-4)" if isinstance(value, str) else ""
            what = "a whole number" if kind == "int" else "a number"
            raise ValueError(f"{name}.{key}={value!r} is not {what}{hint}")
    if not low < high:
        raise ValueError(
            f"{name}: low={low} is not below high={high}; a fixed value is an override"
        )
    if kind == "log" and low <= 0:
        raise ValueError(
            f"{name}: low={low} of type=log is not above 0; use type=float, or a bound"
        )
    return low, high
