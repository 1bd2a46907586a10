"""What an experiment and its overrides come to, before any run of it exists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXACT = ("model", "dataset", "augment", "objective", "batch_size", "micro_batch", "precision")
"""What the time of an epoch depends on, besides the kinds of optimizer and averages."""
ROUGH = ("model", "batch_size", "precision")


@dataclass(frozen=True)
class Recipe:
    """A composed configuration, seed apart."""

    model: str  # option
    run: str  # <model>_<dataset>_<identity>, a run's name less its seed
    dataset: str  # option
    settings: dict[str, Any]  # resolved
    epochs: float | None  # None: given in steps, of a data set that is not here
    evaluate_every: float | None  # epochs; likewise
    images: int | None = None  # of the training part; None: of files that are not here
    own_model: bool = False  # with fields of its own, so that its FLOPs are not the option's
    own_flops: int | None = None  # then those of a forward pass; None: nothing can be built here

    @property
    def identity(self) -> str:
        """The hash in the run's name."""
        return self.run.rsplit("_", 1)[1]

    @property
    def validation(self) -> bool:
        """Whether a part of the training set is held out."""
        return bool(held_out(self.settings["dataset"])[1])

    def evaluates(self, epoch: float) -> bool:
        """Whether there are scores at this moment; True where no one can know."""
        if self.epochs is None or self.evaluate_every is None:
            return True
        multiple = epoch / self.evaluate_every
        whole = abs(multiple - round(multiple)) < 1e-6
        return 0 < epoch <= self.epochs and (whole or epoch == self.epochs)


def held_out(dataset: Mapping[str, Any]) -> tuple[str, int | None]:
    """The field of a data set that says how many examples are held out, and their number.

    That of the innermost base, where one is around another. None: it cannot hold out any.
    """
    path = "dataset"
    while isinstance(dataset.get("base"), Mapping):
        path, dataset = f"{path}.base", dataset["base"]
    return f"{path}.validation", dataset.get("validation")


def work(settings: dict[str, Any]) -> dict[str, str]:
    """Hashes of what the time of an epoch depends on: entirely, and for the most part."""
    kinds = [_kinds(settings.get(name) or {}) for name in ("optimizer", "averaging")]
    dataset = {
        k: v for k, v in settings["dataset"].items() if k not in ("root", "mirror", "workers")
    }
    there = _plain({**settings, "dataset": dataset})
    return {
        "exact": _hash([*(there.get(name) for name in EXACT), kinds]),
        "rough": _hash([*(there.get(name) for name in ROUGH), dataset.get("_target_")]),
    }


def _kinds(node: Any) -> Any:
    """The `_target_`s of a node and of all inside it."""
    if not isinstance(node, dict):
        return []
    own = [node["_target_"]] if "_target_" in node else []
    return own + [kinds for value in node.values() if (kinds := _kinds(value))]


def _plain(value: Any) -> Any:
    """Without nulls and empty nodes, whole floats as ints: as records have it."""
    if isinstance(value, dict):
        cleaned = {key: _plain(entry) for key, entry in value.items()}
        return {key: entry for key, entry in cleaned.items() if entry not in (None, {}, [])}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]
