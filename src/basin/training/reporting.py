"""Evaluation of every solution of a run, the best so far, and the line that is logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

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
    weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)  # likewise

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
        for name, module in self.solutions(state, batches):
            results[name] = {}
            for part, examples in self.parts.items():
                logits, labels = predict(
                    module,
                    examples,
                    self.prepare,
                    precision=self.precision,
                    batch_size=self.batch_size,
                )
                results[name][part] = self.score(logits, labels)
            if keep:
                self.logits[name], self.kept[name] = logits, results[name]
                self.weights[name] = {k: v.cpu().clone() for k, v in module.state_dict().items()}
        return results

    def note_best(self, results: dict[str, Scores], epoch: float) -> None:
        """Keep the best evaluation of each solution."""
        for name, scores in results.items():
            now, best = scores[self.selected_on], self.best.get(name)
            key = headline(now)
            if best is None or now[key] < best[self.selected_on][key]:
                self.best[name] = {"epoch": epoch, "selected_on": self.selected_on, **scores}
