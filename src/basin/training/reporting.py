"""Evaluation of every solution of a run, the best so far, and the line that is logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.ensemble import Combined, Ensemble, passes
from basin.core.parameters import Predicting, levels
from basin.core.protocols import Batches, Examples, TrainState
from basin.core.scores import Score, headline
from basin.training.evaluation import predict, score
from basin.training.input import Prepare
from basin.training.precision import Precision

Scores = dict[str, dict[str, float]]
"""By part of the data set (validation, test): error, error5, nll, ece; or a data set's own."""


@dataclass
class Evaluator:
    """Scores `last` and the averagers' solutions on the parts that are not trained on."""

    parts: Mapping[str, Examples]  # `validation` where there is a split, and `test`
    prepare: Prepare
    precision: Precision
    batch_size: int
    score: Score = score
    best: dict[str, dict[str, Any]] = field(default_factory=dict)  # by solution
    kept: dict[str, Scores] = field(default_factory=dict)  # the end of a stage, by solution
    logits: dict[str, Tensor] = field(default_factory=dict)  # (N, K) of the test part, likewise
    weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)  # by file, likewise
    passes: dict[str, int] = field(default_factory=dict)  # of one prediction, by solution
    members: dict[str, list[str]] = field(default_factory=dict)  # of an ensemble, by solution
    _seen: dict[tuple[str, str], tuple[list[str], Combined, Tensor]] = field(default_factory=dict)

    @property
    def selected_on(self) -> str:
        """What the best epoch is chosen by."""
        return "validation" if "validation" in self.parts else "test"

    def solutions(self, state: TrainState, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """The live iterate, the model's and the optimizer's own, and then each averager's."""
        yield "last", state.model
        for level in (state.model, *levels(state.optimizer)):
            if isinstance(level, Predicting):
                yield from level.predictors(batches)
        for averager in state.averagers.values():
            yield from averager.predictors(batches)

    @torch.no_grad()
    def evaluate(self, state: TrainState, batches: Batches, *, keep: bool) -> dict[str, Scores]:
        """Scores of each solution by name; `keep` leaves them, test logits and weights here.

        A solution's module lives until the next is asked for, so its weights are copied.
        """
        results: dict[str, Scores] = {}
        self.kept, self.logits, self.weights = {}, {}, {}
        self.passes, self.members = {}, {}
        for name, module in self.solutions(state, batches):
            results[name], self.passes[name] = {}, passes(module)
            if isinstance(module, Ensemble):
                self.members[name] = [member.name for member in module.members]
            for part in self.parts:
                logits, labels = self.predictions(name, part, module)
                results[name][part] = self.score(logits, labels)
            if keep:
                self.logits[name], self.kept[name] = logits, results[name]
                self.weights |= stored(name, module)
        return results

    def predictions(self, name: str, part: str, module: nn.Module) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and targets (N,) of a solution; members seen before are not run again."""
        if not isinstance(module, Ensemble):
            return self._predict(part, module)
        names = [member.name for member in module.members]
        seen, combined, labels = self._seen.get((name, part), ([], Combined(), torch.empty(0)))
        if names[: len(seen)] != seen:
            seen, combined = [], Combined()
        for network in module.each(first=len(seen)):
            logits, labels = self._predict(part, network)
            combined.add(logits)
        self._seen[name, part] = (names, combined, labels)
        return combined.logits(), labels

    def forget(self) -> None:
        """Another stage begins: members of the same names are others."""
        self._seen.clear()

    def _predict(self, part: str, module: nn.Module) -> tuple[Tensor, Tensor]:
        return predict(
            module,
            self.parts[part],
            self.prepare,
            precision=self.precision,
            batch_size=self.batch_size,
        )

    def note_best(self, results: dict[str, Scores], epoch: float) -> None:
        """Keep the best evaluation of each solution."""
        for name, scores in results.items():
            now, best = scores[self.selected_on], self.best.get(name)
            key = headline(now)
            if best is None or now[key] < best[self.selected_on][key]:
                self.best[name] = {"epoch": epoch, "selected_on": self.selected_on, **scores}


def stored(name: str, module: nn.Module) -> dict[str, dict[str, Tensor]]:
    """State dictionaries of a solution on the CPU, by the names of their files.

    An ensemble's members each have one, but for those whose file is there already.
    """
    if not isinstance(module, Ensemble):
        return {name: {key: value.cpu().clone() for key, value in module.state_dict().items()}}
    return {
        member.name: {key: value.cpu() for key, value in member.read().items()}
        for member in module.members
        if not member.stored
    }
