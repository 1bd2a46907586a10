"""status.json: what a run is doing, for people and for scripts that watch many."""

from __future__ import annotations

import json
import os
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from basin.core.files import write_json
from basin.launch.place import slurm_job

State = Literal["queued", "running", "preempted", "done", "failed"]


class Status:
    """Writes status.json of one run folder. Its times are for people: nothing goes by them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "status.json"
        self._written = 0.0
        job, array = slurm_job()
        self._entries: dict[str, Any] = {
            "state": "queued",
            "started": _now(),
            "updated": _now(),
            "pid": os.getpid(),
            "slurm_job": job,
            "slurm_array": array,
            "epoch": None,
            "epochs": None,
        }

    def write(self, state: State, **given: float | str | None) -> None:
        """Replace the file. What is not given stays: epoch, epochs, score, seconds_left."""
        self._entries |= {name: value for name, value in given.items() if value is not None}
        self._entries |= {"state": state, "updated": _now()}
        write_json(self._file, self._entries)
        self._written = time.monotonic()

    def refresh(self, *, interval: float = 10.0, **given: float | str | None) -> None:
        """`running`, unless the file was written within `interval` seconds."""
        if time.monotonic() - self._written >= interval:
            self.write("running", **given)

    def failed(self, error: BaseException) -> None:
        """Keep the error's first line and its traceback; a full disk does not hide the error."""
        self._entries["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        self._entries["traceback"] = "".join(traceback.format_exception(error))
        with suppress(OSError):
            self.write("failed")


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the run's status.json says; None where there is none yet."""
    try:
        return json.loads((folder / "status.json").read_text())
    except FileNotFoundError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
