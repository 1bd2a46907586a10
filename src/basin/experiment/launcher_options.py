"""Options of launchers that cannot be meant, refused before any point is composed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST = {
    "timeout_min": 1,
    "max_num_timeout": 0,
    "signal_delay_s": 1,
    "nodes": 1,
    "tasks_per_node": 1,
    "cpus_per_task": 1,
    "gpus_per_node": 0,
    "array_parallelism": 1,
    "runs_per_device": 1,
}
"""Whole numbers."""
NULLABLE = ("cpus_per_task", "gpus_per_node", "array_parallelism", "mem_gb", "devices")
POSITIVE = ("mem_gb", "poll_seconds", "progress_seconds")
KINDS = {"setup": list, "devices": list, "additional": dict}


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError naming the first bad one; those that are not listed here may be anything."""
    for name, value in options.items():
        if wanted := _wanted(name, value):
            raise ValueError(f"hydra.launcher.{name}={value!r} is not {wanted}")
    minutes, delay = options.get("timeout_min"), options.get("signal_delay_s")
    if minutes is not None and delay is not None and delay >= 60 * minutes:
        raise ValueError(
            f"hydra.launcher.signal_delay_s={delay} is not shorter than timeout_min={minutes}"
            f" ({60 * minutes} s), so that each job would be told to stop when it starts"
        )


def _wanted(name: str, value: Any) -> str | None:
    """What an option has to be; None where it is, or where nothing is known of it."""
    empty = " or null" if name in NULLABLE else ""
    if value is None and empty:
        return None
    if name in LEAST:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and value >= LEAST[name] else f"a whole number >= {LEAST[name]}{empty}"
    if name in POSITIVE:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return None if number and value > 0 else f"a number > 0{empty}"
    if name in KINDS and not isinstance(value, KINDS[name]):
        return f"a {'list, as [a,b]' if KINDS[name] is list else 'mapping, as {a: b}'}{empty}"
    return None
