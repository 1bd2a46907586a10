"""A rung of a search as a run: what basin.tune is given to train with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from math import inf
from pathlib import Path
from typing import Any

from basin.core.protocols import Dataset
from basin.core.scores import headline
from basin.experiment import build
from basin.experiment.check import check
from basin.experiment.members_check import refuse_members
from basin.experiment.point import Point
from basin.experiment.recipes import composed, composing
from basin.experiment.run import run_point
from basin.experiment.settings import seeds
from basin.report.paper.recipe import held_out
from basin.training.tally import NonFinite
from basin.tune.rungs import Trained


class Read:
    """A data set that is read once."""

    def __init__(self, own: Any) -> None:
        self._own = own
        self._loaded: Dataset | None = None

    def load(self) -> Dataset:
        """As the data set's own."""
        if self._loaded is None:
            self._loaded = self._own.load()
        return self._loaded


class Runs:
    """Compose, check and train runs of one search."""

    def __init__(self, configs: Path) -> None:
        """configs: of train.py."""
        self._configs = configs
        self._read: dict[str, Read] = {}

    def point(self, words: Sequence[str]) -> Point:
        """The run of these overrides. Raises ValueError, and Hydra's errors."""
        with composing(self._configs):
            made = composed(words)
        return Point(list(words), made.choices, made.settings, made.stages)

    def check(self, words: Sequence[str]) -> Point:
        """A run that could be trained, on a split that is held out. Raises ValueError if not."""
        point = self.point(words)
        check(point.settings, point.stages)
        refuse_members(point.settings)
        field, num = held_out(point.settings["dataset"])
        if not num:
            there, fix = f"{field}={num}", f"give {field}=<examples>"
            if num is None:
                there = f"dataset={point.groups['dataset']}"
                fix = "choose one that can hold out examples"
            raise ValueError(
                f"{there}: a search scores on examples that are held out of the training part, and"
                f" never on the test part; {fix}"
            )
        return point

    def read(self, point: Point) -> None:
        """Its data, fetched where they are not there. Raises ValueError and OSError."""
        self._dataset(point).load()

    def __call__(self, words: Sequence[str]) -> Trained:
        """basin.tune.worker.Train. What the run prints, test scores among it, is not shown."""
        point = self.point(words)
        try:
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                run_point(point, sequel=True, dataset=self._dataset(point))
        except NonFinite as error:
            epochs = self._whole(point)
            return Trained(inf, epochs, error.per_epoch * epochs, point.name)
        record = point.folder.record()
        assert record is not None
        scores = record["results"]["last"]["final"]["validation"]
        cost = record["cost"]
        return Trained(
            scores[headline(scores)], cost["epochs"], cost["gradient_evaluations"], point.name
        )

    def _dataset(self, point: Point) -> Read:
        """Data that this process has read are not read again."""
        key = json.dumps([point.settings["dataset"], seeds(point.settings)["seed_subset"]])
        if key not in self._read:
            own = build.dataset(point.settings, seeds(point.settings)["seed_subset"])
            self._read = {key: Read(own)}  # the last one only: it may be large
        return self._read[key]

    @staticmethod
    def _whole(point: Point) -> float:
        """Epochs of all stages: what a run that diverged is charged, wherever it did."""
        return sum(float(stage["epochs"]) for stage in point.stages.values())
