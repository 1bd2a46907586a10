"""Finished runs read back from their folders: what there is to evaluate again, or to combine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors import safe_open
from torch import Tensor

from basin.core.solutions import run_folder
from basin.experiment.folder import RunFolder
from basin.experiment.settings import Settings
from basin.report.paper.recipe import held_out


@dataclass(frozen=True)
class Finished:
    """One run folder with its record."""

    path: Path
    settings: Settings
    record: dict[str, Any]

    def files(self, solution: str) -> list[str]:
        """Names of the files that a solution's networks are in; ValueError where there is none."""
        results = self.record["results"]
        members = {file for result in results.values() for file in result.get("members", [])}
        if solution not in results and solution not in members:
            known = ", ".join([*results, *sorted(members)])
            raise ValueError(f"{self.path} has no solution {solution!r}: it has {known}")
        if solution in members:
            return [solution]
        files: list[str] = results[solution].get("members", [solution])
        return files

    def stored_logits(self, solution: str) -> Tensor | None:
        """Test logits (N, K) as the record's run kept them; None where it has none by that name."""
        file = self.path / "logits.safetensors"
        if not file.is_file():
            return None
        with safe_open(str(file), framework="pt") as tensors:
            if solution not in tensors.keys():  # noqa: SIM118 (it is no mapping)
                return None
            logits: Tensor = tensors.get_tensor(solution)
            return logits.float()


def read_run(run: str, *, results: str) -> Finished:
    """A finished run by its folder, or its name in `results`."""
    path = run_folder(run, results=results)
    record = RunFolder(str(path.parent), path.name).record()
    assert record is not None  # run_folder has looked
    try:
        settings = yaml.safe_load((path / "config.yaml").read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{path}/config.yaml cannot be read: {error}") from None
    return Finished(path, settings, record)


def check_same_data(runs: Sequence[Finished]) -> None:
    """Raise ValueError where the runs were not tested on the same examples and classes."""
    first = runs[0]
    for other in runs[1:]:
        for what, read in (
            ("data set", lambda run: _innermost(run.settings["dataset"])),
            ("classes", lambda run: run.record["dataset"]["classes"]),
            ("image shape", lambda run: run.record["dataset"]["shape"]),
            ("number of test examples", lambda run: run.record["dataset"]["test"]),
        ):
            if read(first) != read(other):
                raise ValueError(
                    f"{other.path} and {first.path} have other data: the {what}:"
                    f" {_short(read(other))}, not {_short(read(first))}"
                )


def shared_parts(runs: Sequence[Finished]) -> set[str]:
    """The test part; and validation, where all runs held out the same examples."""
    splits = {
        (run.record["seeds"]["seed_subset"], held_out(run.settings["dataset"])[1]) for run in runs
    }
    return {"test", "validation"} if len(splits) == 1 else {"test"}


def _innermost(node: Settings) -> str:
    while isinstance(node.get("base"), dict):
        node = node["base"]
    return str(node["_target_"])


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    more = f", ... ({len(value)})" if len(value) > 3 else ""
    return ", ".join(map(str, value[:3])) + more
