"""The name of the device that runs would use, without torch where it was asked before."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from basin.core.files import to_json, write_atomically


def device_of(words: tuple[str, ...], results: Path) -> str:
    """Of `device=...` among the words for train.py, or what a run would choose.

    results/.device.json keeps the answer for this machine and its visible GPUs: torch takes longer
    to import than all the rest.
    """
    chosen = [word.partition("=")[2] for word in words if word.startswith("device=")]
    name = chosen[-1] if chosen else "auto"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    key = f"{platform.node()} {visible} torch {importlib.metadata.version('torch')} {name}"
    file = results / ".device.json"
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        known = json.loads(file.read_text())
    if key not in known:
        from basin.experiment.devices import device_name, pick

        known[key] = device_name(pick(name))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, to_json(known))
    return known[key]
