"""What `runtime.autotune` has measured on this machine, a file for each step, in the user's cache.

The folder is `$XDG_CACHE_HOME/basin/autotune`, or `~/.cache/basin/autotune`. A file has its key in
clear beside the seconds of every way; one that cannot be read is measured again, and a folder that
cannot be written is left, with a notice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import torch

import basin
from basin.core.files import to_json, write_json
from basin.experiment.devices import device_name, processor
from basin.experiment.job import Job, tell
from basin.experiment.trials import Timed
from basin.experiment.way import Way


def key_of(job: Job) -> dict[str, Any]:
    """Everything that the time of a step depends on: network, images, device, dtype, batch."""
    facts = job.plan.dataset.facts
    return {
        "model": {k: v for k, v in job.settings["model"].items() if k != "channels_last"},
        "shape": list(facts.shape),
        "classes": facts.num_classes,
        "batch": job.plan.clock.batch_size,
        "micro_batch": job.settings["micro_batch"],
        "augment": list(job.settings["augment"]),
        "device": [processor(job.device), device_name(job.device)],
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "precision": job.precision,
        "deterministic": job.settings["runtime"]["deterministic"],
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda if job.device.type == "cuda" else None,
        "basin": basin.__version__,
    }


def read(key: Mapping[str, Any]) -> dict[Way, Timed]:
    """What was measured before; empty where nothing was."""
    try:
        content = json.loads(_file(key).read_text())
        return {Way(**entry["way"]): Timed(**entry["seconds"]) for entry in content["ways"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def keep(key: Mapping[str, Any], timed: Mapping[Way, Timed]) -> None:
    """Write it for later runs."""
    ways = [{"way": asdict(way), "seconds": asdict(one)} for way, one in timed.items()]
    file = _file(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"key": dict(key), "ways": ways})
    except OSError as error:
        tell(f"runtime.autotune cannot keep what it measured: {error}")


def _file(key: Mapping[str, Any]) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256(to_json(dict(key)).encode()).hexdigest()[:16]
    return Path(root) / "basin" / "autotune" / f"{digest}.json"
