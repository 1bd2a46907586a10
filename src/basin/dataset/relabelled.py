"""A training set with the labels of a file: bootstrapping from a trained network's predictions.

Foret et al. 2021 (arXiv:2010.01412), section 3.3; scripts/relabel.py writes the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from basin.core.files import write_atomically
from basin.core.protocols import Dataset
from basin.dataset.wrapped import Wrapped

LABELS = "labels"
ORIGIN = ("run", "solution", "classes", "replaces")
"""What a file says of itself: whose predictions, of which classes, and instead of which labels."""


@dataclass(frozen=True, kw_only=True)
class Relabelled(Wrapped):
    """The base, whose training labels are those of the file; validation and test stay.

    The base has to be the data set of the run that predicted, wrong labels and subset included:
    the file has the checksum of the labels that it replaces. sha256: of the file, so that a run's
    identity has the labels and not their path alone. The record has `relabelled`, the share of
    labels that changed.
    """

    labels: str | None
    sha256: str | None

    def __post_init__(self) -> None:
        if self.facts.targets.is_floating_point:
            raise ValueError("dataset.base has real targets, and this changes classes")
        if self.labels is None:
            raise ValueError(
                "dataset.labels= is not given: python scripts/relabel.py run=RUN writes the file"
            )
        if not self._path.is_file():
            raise ValueError(
                f"dataset.labels={self.labels} is no file; python scripts/relabel.py run=RUN"
                " writes one"
            )
        labels, origin = read_labels(self._path)
        self._check_sum()
        if len(labels) != self.num_train:
            raise self._unlike(origin, "number of examples", len(labels), self.num_train)

    def _check_sum(self) -> None:
        path, found = self._path, file_checksum(self._path)
        if self.sha256 is None:
            raise ValueError(
                f"dataset.sha256= is not given: add dataset.sha256={found}, which python"
                f" scripts/relabel.py run=RUN prints for {path}; a run is known by its labels, and"
                " a file of others may come to lie there"
            )
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"dataset.sha256={self.sha256!r} is not 64 hexadecimal digits")
        if self.sha256 != found:
            raise ValueError(
                f"dataset.labels={path} has the sha256 {found}, not {self.sha256}: it is another"
                " file"
            )

    @property
    def _path(self) -> Path:
        assert self.labels is not None
        return Path(self.labels).expanduser()

    def load(self) -> Dataset:
        """The base with the file's labels."""
        labels, origin = read_labels(self._path)
        data: Dataset = self.base.load()
        before = data.train.labels
        for what, theirs, ours in (
            ("classes", origin["classes"], class_list(data.classes)),
            ("labels they replace", origin["replaces"], checksum(before)),
        ):
            if theirs != ours:
                raise self._unlike(origin, what, theirs, ours)
        if labels.min() < 0 or labels.max() >= len(data.classes):
            raise ValueError(
                f"dataset.labels={self._path} has labels outside of 0 to {len(data.classes) - 1}"
            )
        changed = float((labels != before).double().mean())
        train = data.train.relabelled(labels)
        return replace(data, train=train, notes={**data.notes, "relabelled": changed})

    def _unlike(
        self, origin: dict[str, str], what: str, theirs: object, ours: object
    ) -> ValueError:
        return ValueError(
            f"dataset.labels={self._path} are of the run {origin['run']}, whose data set was not"
            f" dataset.base: the {what}: {theirs}, here {ours}. Noise, subset and seeds"
            " (seed_subset, noise_seed) must be the same"
        )


def write_labels(path: Path, labels: Tensor, *, replaces: Tensor, **origin: Any) -> None:
    """A file of labels (N,) in place of others (N,); origin: run, solution and classes."""
    origin = {**origin, "classes": class_list(origin["classes"]), "replaces": checksum(replaces)}
    write_atomically(path, save({LABELS: labels.to("cpu", torch.int64)}, metadata=origin))


def read_labels(path: Path) -> tuple[Tensor, dict[str, str]]:
    """Labels (N,) int64 and their origin. Raises ValueError where it is no file of labels."""
    try:
        with safe_open(str(path), framework="pt") as file:
            origin: dict[str, str] = file.metadata() or {}
            names = [*file.keys()]
            labels: Tensor | None = file.get_tensor(LABELS) if names == [LABELS] else None
    except (OSError, SafetensorError) as error:
        raise ValueError(f"dataset.labels={path} cannot be read: {error}") from None
    whole = labels is not None and labels.dtype == torch.int64 and labels.ndim == 1
    if labels is None or not whole or not set(ORIGIN) <= origin.keys():
        raise ValueError(
            f"dataset.labels={path} is no file of scripts/relabel.py, with `{LABELS}` (N,) int64"
            f" and their {', '.join(ORIGIN)}"
        )
    return labels, origin


def checksum(labels: Tensor) -> str:
    """SHA-256 of labels (N,) in their order."""
    return hashlib.sha256(labels.to("cpu", torch.int64).numpy().tobytes()).hexdigest()


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def class_list(classes: Any) -> str:
    """Names of classes in one string."""
    return ", ".join(classes)
