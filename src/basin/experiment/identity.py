"""Which run a configuration is: a hash of everything that can change its numbers, seed apart."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from basin import NUMERICS
from basin.experiment.schema import MACHINE_ONLY
from basin.experiment.settings import Settings

ELSEWHERE = ("seed", "lr", "weight_decay", "stages", "stage.horizon", "stage.name")
"""The seed is in the folder's name; the others are where they act: optimizer, stage, schedules."""
DIGITS = 10
"""Hexadecimal digits of an identity: 40 bits."""


def essential(settings: Settings) -> Settings:
    """Settings less the seed, null and empty fields and machine-only ones; 1.0 is 1."""
    return _clean(settings, "") or {}


def identities(stages: dict[str, Settings]) -> list[str]:
    """One identity a stage: a hash of its settings and of its predecessor's identity."""
    result: list[str] = []
    for settings in stages.values():
        text = json.dumps([NUMERICS, result[-1:], essential(settings)], sort_keys=True)
        result.append(hashlib.sha256(text.encode()).hexdigest()[:DIGITS])
    return result


def differences(left: Settings, right: Settings, path: str = "") -> list[str]:
    """Lines `key: left -> right` for every key in which two settings differ."""
    lines = []
    for key in sorted(set(left) | set(right)):
        a, b, name = left.get(key), right.get(key), f"{path}{key}"
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differences(a, b, f"{name}.")
        elif a != b:
            lines.append(f"{name}: {a} -> {b}")
    return lines


def _clean(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        cleaned = {
            key: _clean(item, f"{path}{key}.")
            for key, item in value.items()
            if f"{path}{key}" not in (*MACHINE_ONLY, *ELSEWHERE)
        }
        return {key: item for key, item in cleaned.items() if item not in (None, {}, [])}
    if isinstance(value, (list, tuple)):
        return [_clean(item, path) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
