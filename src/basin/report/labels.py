"""Short names of runs: the settings in which they differ, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

LONGEST = 8
"""Settings in one label; runs that differ in more have little in common to be named by."""


class Row(NamedTuple):
    """A setting and its value in each run."""

    key: str
    values: list[Any]
    is_kind: bool  # a group, and which option of it a run has

    @property
    def last(self) -> str:
        """`lr` of optimizer.lr; the whole key of a group, schedule.lr."""
        return self.key if self.is_kind else self.key.rsplit(".", 1)[-1]


def labels(settings: Sequence[dict[str, Any]]) -> list[str]:
    """A label for each of several runs' settings; equal settings have equal labels."""
    keys = dict.fromkeys(key for one in settings for key in one)
    found = [row for key in keys for row in _differing(key, [one.get(key) for one in settings])]
    rows = sorted(_without_repeats(found), key=lambda row: not row.is_kind)
    lasts = [row.last for row in rows]
    names = [row.last if lasts.count(row.last) == 1 else row.key for row in rows]
    more = f", and {len(rows) - LONGEST} more" if len(rows) > LONGEST else ""
    pairs = [
        [f"{name}={_text(value)}" for value in row.values]
        for name, row in zip(names[:LONGEST], rows, strict=False)
    ]
    return [", ".join(pair[number] for pair in pairs) + more for number in range(len(settings))]


def _differing(key: str, values: list[Any]) -> Iterator[Row]:
    """What differs under one key. Of a group of several kinds, only fields that all kinds have."""
    groups = [value if isinstance(value, dict) else {} for value in values]
    if not any(groups):
        if any(value != values[0] for value in values):
            yield Row(key, values, False)
        return
    kinds = [_kind(group) for group in groups]
    several = len(set(kinds)) > 1
    if several:
        yield Row(key, kinds, True)
    for name in dict.fromkeys(name for group in groups for name in group):
        if name != "_target_" and not (several and any(name not in group for group in groups)):
            yield from _differing(f"{key}.{name}", [group.get(name) for group in groups])


def _kind(group: dict[str, Any]) -> str:
    """`sgd` for basin.optimizer.sgd.SGD; of a group that is a list of options, all their names."""
    if "_target_" in group:
        return str(group["_target_"]).split(".")[-2]
    return "+".join(name for name, entry in group.items() if isinstance(entry, dict)) or "none"


def _without_repeats(rows: Sequence[Row]) -> list[Row]:
    """Without fields that repeat another of the same last name, as schedule.lr.epochs does epochs.

    A null repeats anything: `lr` is null where optimizer.lr has its YAML's value.
    """
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: sum(value is None for value in row.values)):
        if not any(row.last == other.last and _repeats(row, other) for other in kept):
            kept.append(row)
    return [row for row in rows if row in kept]


def _repeats(row: Row, other: Row) -> bool:
    pairs = zip(row.values, other.values, strict=True)
    return all(value is None or value == known for value, known in pairs)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)
