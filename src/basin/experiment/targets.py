"""Every `_target_` of a configuration, held against the signature of what it names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import hydra

from basin.core.clock import DURATION, Epochs
from basin.experiment.settings import Settings

RUNTIME = (
    *("averagers", "base", "base_value", "clock", "config", "folder", "in_channels", "model"),
    *("name", "num_classes", "params", "results", "run_id", "seed", "solutions"),
)
"""What a factory may name among its arguments and gets from here, not from YAML."""
EXTRA = {"model": {"channels_last"}, "optimizer": {"base"}, "dataset": {"base"}}
"""Keys of a group that the builder itself reads."""


def check_targets(settings: Settings) -> None:
    """Hold every `_target_` against its signature: ValueError for unknown and missing keys."""
    _check_presence(settings)
    for path, node in targets(settings, ""):
        try:
            target = hydra.utils.get_object(node["_target_"])
        except Exception as error:
            raise ValueError(f"{path}._target_={node['_target_']}: {error}") from None
        _check_types(path, node, target)
        parameters = inspect.signature(target).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            continue
        own = {key for key in node if not key.startswith("_")} - EXTRA.get(
            path.split(".")[0], set()
        )
        for key in sorted(own - set(parameters)):
            near = get_close_matches(key, parameters, 1)
            hint = f"; did you mean {path}.{near[0]}?" if near else ""
            raise ValueError(
                f"{path}.{key}: {node['_target_']} has no such key{hint}"
                f" (it has {', '.join(k for k in parameters if k not in RUNTIME)})"
            )
        needed = {
            k for k, p in parameters.items() if p.default is p.empty and p.kind is p.KEYWORD_ONLY
        }
        missing = sorted(needed - own - set(RUNTIME))
        if missing:
            raise ValueError(f"{path}: {node['_target_']} needs {', '.join(missing)}")


def _check_types(path: str, node: Settings, target: Any) -> None:
    """Hold numbers, switches and words against their annotations."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # annotations of another library that cannot be resolved
        return
    for key, value in node.items():
        if key in hints and not _fits(value, hints[key]):
            raise ValueError(f"{path}.{key}={value!r} is not of type {_words(hints[key])}")


def _words(hint: Any) -> str:
    """A type as an error names it."""
    if get_origin(hint) in (UnionType, Union):
        return " | ".join(map(_words, get_args(hint)))
    if get_origin(hint) in (tuple, list, Sequence):
        inside = ("..." if one is Ellipsis else _words(one) for one in get_args(hint))
        return f"[{', '.join(inside)}]"
    names = {float: "finite float", int: "int", bool: "bool", str: "str", type(None): "None"}
    names[Epochs] = "finite float or duration ('500 steps')"
    return names.get(hint, str(hint).replace("collections.abc.", "").replace(str(Epochs), "float"))


def _fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value is of a type; unknown types take anything."""
    if get_origin(hint) in (UnionType, Union):
        return any(_fits(value, one) for one in get_args(hint))
    if hint == Epochs and DURATION.fullmatch(str(value)):
        return True
    if hint in (float, Epochs):
        numbers = isinstance(value, (int, float)) and not isinstance(value, bool)
        return numbers and isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, hint)
    if get_origin(hint) in (tuple, list, Sequence):
        inside = [one for one in get_args(hint) if one is not Ellipsis]
        fixed = get_origin(hint) is tuple and len(inside) > 1
        if not isinstance(value, (list, tuple)) or (fixed and len(value) != len(inside)):
            return False
        return all(_fits(one, inside[i if fixed else 0]) for i, one in enumerate(value))
    return True


def _check_presence(settings: Settings) -> None:
    nodes = {group: settings[group] for group in ("model", "dataset", "objective", "optimizer")}
    for group in ("augment", "schedule", "averaging", "logger"):
        nodes |= {f"{group}.{name}": node for name, node in settings[group].items()}
    for path, node in nodes.items():
        if not isinstance(node, dict) or "_target_" not in node:
            raise ValueError(f"{path}={node} has no _target_: choose an option; --help lists them")


def targets(node: Any, path: str) -> Iterator[tuple[str, Settings]]:
    """(path, node) of every node that is instantiated."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}" if path else key)
