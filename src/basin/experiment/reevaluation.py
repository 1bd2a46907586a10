"""Solutions of finished runs, predicted again from their weights or read from their logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from basin.core.ensemble import Combined
from basin.core.scores import Score
from basin.core.solutions import solution_file
from basin.experiment import build
from basin.experiment.ensembles import Finished
from basin.experiment.finished import FinishedRun
from basin.experiment.settings import seeds
from basin.training.evaluation import predict, score


@dataclass(frozen=True)
class Prediction:
    """What a solution says of one part of the data."""

    solution: str
    part: str  # validation | test
    logits: Tensor  # (N, K)
    targets: Tensor  # (N,)
    num: int  # networks that it is the mean of
    score: Score


@torch.no_grad()
def from_weights(run: Finished, solutions: Sequence[str], device: str) -> Iterator[Prediction]:
    """Of each solution in turn, on every part; one network is on the device at a time."""
    finished = FinishedRun(run.path, device=device, root=run.settings["dataset"].get("root"))
    evaluator, precision = finished.evaluator, finished.precision
    for solution in solutions:
        files = run.files(solution)
        combined = {part: Combined() for part in evaluator.parts}
        targets: dict[str, Tensor] = {}
        for file in files:
            model = finished.other(solution_file(run.path / file))
            for part, examples in evaluator.parts.items():
                with precision.autocast(cache=False):
                    logits, targets[part] = predict(
                        model,
                        examples,
                        evaluator.prepare,
                        precision=precision,
                        batch_size=evaluator.batch_size,
                    )
                combined[part].add(logits)
        for part, all_of in combined.items():
            logits = all_of.logits()
            yield Prediction(solution, part, logits, targets[part], len(files), evaluator.score)


def from_logits(run: Finished, solutions: Sequence[str]) -> Iterator[Prediction]:
    """Of each solution in turn on the test part, as the run stored it: in float16."""
    dataset = build.dataset(run.settings, seeds(run.settings)["seed_subset"]).load()
    for solution in solutions:
        logits = run.stored_logits(solution)
        if logits is None:
            raise ValueError(f"{run.path} has no logits of {solution!r}; take source=weights")
        num = len(run.files(solution))
        yield Prediction(solution, "test", logits, dataset.test.labels, num, dataset.score or score)


class Pool:
    """Predictions of any number of runs as one ensemble, in which every network counts once."""

    def __init__(self) -> None:
        self.combined: dict[str, Combined] = {}
        self.targets: dict[str, Tensor] = {}
        self.score: Score = score

    def add(self, prediction: Prediction) -> None:
        """Take one in; ValueError where its targets (N,) are others than those before."""
        part, targets = prediction.part, prediction.targets
        if not torch.equal(self.targets.setdefault(part, targets), targets):
            raise ValueError(f"the {part} examples of these runs are not the same: no ensemble")
        self.combined.setdefault(part, Combined()).add(prediction.logits, prediction.num)
        self.score = prediction.score

    def scores(self) -> dict[str, dict[str, float]]:
        """Of the ensemble, by part."""
        return {
            part: self.score(all_of.logits(), self.targets[part])
            for part, all_of in self.combined.items()
        }
