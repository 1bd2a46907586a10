"""Short names of runs: the settings in which they differ, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LONGEST = 4
"""Settings in one label; runs that differ in more have little in common to be named by."""


def labels(settings: Sequence[dict[str, Any]]) -> list[str]:
    """A label for each of several runs' settings; equal settings have equal labels."""
    chosen = _without_repeats(_differing(settings))
    names = _short([key for key, _ in chosen])
    result = []
    for number in range(len(settings)):
        parts = [
            f"{name}={_text(values[number])}"
            for name, (_, values) in zip(names, chosen, strict=True)
        ]
        more = [f"and {len(parts) - LONGEST} more"] if len(parts) > LONGEST else []
        result.append(", ".join([*parts[:LONGEST], *more]))
    return result


def _differing(settings: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Keys and their values in each run, where these are not all the same."""
    flats = [_flat(_summarised(one, settings), "") for one in settings]
    keys = list(dict.fromkeys(key for flat in flats for key in flat))
    rows = [(key, [flat.get(key) for flat in flats]) for key in keys]
    return [(key, values) for key, values in rows if any(v != values[0] for v in values)]


def _summarised(one: dict[str, Any], settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Settings in which a group that is another class in another run is only that class's name."""
    result = {}
    for key, value in one.items():
        kinds = {str(_kind(other.get(key))) for other in settings}
        result[key] = _kind(value) if len(kinds) > 1 else value
    return result


def _kind(value: Any) -> Any:
    """`sgd` of basin.optimizer.sgd.SGD; the names in a group that is a list of options."""
    if not isinstance(value, dict):
        return None
    if "_target_" in value:
        return value["_target_"].split(".")[-2]
    kinds = [f"{_kind(entry) or name}" for name, entry in value.items() if isinstance(entry, dict)]
    return "+".join(kinds) or "none"


def _flat(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        key: inner
        for name, entry in value.items()
        for key, inner in _flat(entry, f"{path}.{name}" if path else str(name)).items()
    }


def _without_repeats(rows: list[tuple[str, list[Any]]]) -> list[tuple[str, list[Any]]]:
    """Fields that repeat another of the same last name, as schedule.lr.epochs does epochs, left out.

    A null repeats anything: `lr` is null where optimizer.lr has its YAML's value.
    """
    kept: list[tuple[str, list[Any]]] = []
    for key, values in sorted(rows, key=lambda row: sum(value is None for value in row[1])):
        last = key.rsplit(".", 1)[-1]
        if not any(last == k.rsplit(".", 1)[-1] and _repeats(values, v) for k, v in kept):
            kept.append((key, values))
    order = [key for key, _ in rows]
    return sorted(kept, key=lambda row: order.index(row[0]))


def _repeats(values: list[Any], of: list[Any]) -> bool:
    return all(a is None or a == b for a, b in zip(values, of, strict=True))


def _short(keys: list[str]) -> list[str]:
    """The last name of each key, or all of it where two would be alike."""
    lasts = [key.rsplit(".", 1)[-1] for key in keys]
    return [last if lasts.count(last) == 1 else key for key, last in zip(keys, lasts, strict=True)]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)
