"""Run folders: where one is, what lies in it, and which processes may write there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save
from torch import Tensor

from basin.core.files import write_atomically, write_json

RECORD_FORMAT = 1
"""Of record.json; a newer one is refused."""


PARTS = {"format", "results", "cost", "environment"}
"""What every record has."""


class RunFolder:
    """results/runs/<model>_<dataset>_<identity>-s<seed>."""

    def __init__(self, root: str, name: str) -> None:
        self.name = name
        self.path = Path(root) / name

    def create(self) -> None:
        """Make the folder; ValueError where it cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path) as file:
                file.write(b"is there room?")
        except OSError as error:
            raise ValueError(
                f"results={self.path.parent} cannot be written ({error.strerror});"
                " give results=<a folder of yours>"
            ) from None

    def record(self) -> dict[str, Any] | None:
        """The record of a finished run; None where it is not finished."""
        path = self.path / "record.json"
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text())
            missing = PARTS - set(record)
        except (ValueError, TypeError):
            missing = PARTS
        if missing:
            raise ValueError(f"{path} is damaged; rerun=true trains the run anew")
        if record["format"] > RECORD_FORMAT:
            raise ValueError(
                f"{path} has record format {record['format']}, this version reads up to"
                f" {RECORD_FORMAT}; update basin, or give another results= folder"
            )
        return record

    def write_configuration(self, settings: dict[str, Any]) -> None:
        """config.yaml, as it was resolved."""
        write_atomically(self.path / "config.yaml", yaml.safe_dump(settings, sort_keys=False))

    def write_environment(self, environment: dict[str, Any], diff: str) -> None:
        """environment.json, and the uncommitted changes that it gives the hash of."""
        write_json(self.path / "environment.json", environment)
        if diff:
            write_atomically(self.path / "uncommitted.diff", diff + "\n")

    def write_record(self, record: dict[str, Any]) -> None:
        """record.json, the last file of a run."""
        write_json(self.path / "record.json", {"format": RECORD_FORMAT, **record})

    def write_tensors(self, name: str, tensors: dict[str, Tensor]) -> None:
        """A safetensors file."""
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        write_atomically(self.path / name, save(plain))

    def clear(self) -> None:
        """Remove the results of an earlier run of this identity (`rerun=true`)."""
        for name in ("record.json", "metrics.jsonl", "uncommitted.diff"):
            (self.path / name).unlink(missing_ok=True)
        for weights in self.path.glob("*.safetensors"):
            weights.unlink()
