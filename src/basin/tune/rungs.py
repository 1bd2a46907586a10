"""One rung of one configuration: drawn, trained, and what of it is this rung's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isinf
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from basin.core.random import derive
from basin.tune.board import View
from basin.tune.sampling import draw
from basin.tune.schedulers import Rung
from basin.tune.search import Search
from basin.tune.space import words
from basin.tune.storage import Studies


@dataclass(frozen=True)
class Trained:
    """What a rung's run says. Counts are of the run since its first epoch, all rungs together."""

    score: float  # validation; inf diverged
    epochs: float
    gradient_evaluations: float
    run: str  # name of its folder


Train = Callable[[Sequence[str]], Trained]
"""Train the run of these overrides, or continue it, or report it where it is finished."""


@dataclass(frozen=True)
class Rungs:
    """Of one search."""

    search: Search
    studies: Studies
    train: Train

    def drawn(self, configuration: int) -> FrozenTrial:
        """The configuration's trial; whoever holds its first rung draws it."""
        trial = self.studies.trial(configuration)
        if trial is not None:
            return trial
        space, study = self.search.distributions, self.studies.configurations
        params = draw(
            self.search.sampler,
            space,
            study.get_trials(deepcopy=False),
            startup=self.search.startup,
            seed=derive(self.search.seed, configuration),
        )
        study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=dict(space),
                user_attrs={"configuration": configuration},
            )
        )
        trial = self.studies.trial(configuration)
        assert trial is not None
        return trial

    def trained(self, rung: Rung, trial: FrozenTrial, view: View) -> tuple[float, dict[str, Any]]:
        """Its score, and what is written down beside that: of this rung alone.

        Raises ValueError naming the configuration where it is refused.
        """
        below = Rung(rung.configuration, rung.rung - 1)
        if isinf(view.scores.get(below, 0.0)):
            return inf, _nothing(f"diverged, or given up, at rung {below.rung}")
        if view.counted(rung) >= self.search.attempts:
            why = view.failed[rung][-1].user_attrs.get("why", "")
            return inf, _nothing(f"given up after {self.search.attempts} attempts: {why}")
        try:
            made = self.train(self.search.words(trial.params, *rung))
        except ValueError as error:
            drawn = " ".join(words(trial.params))
            raise ValueError(
                f"configuration {rung.configuration} ({drawn}) is refused: {error}"
            ) from error
        before = view.done.get(below) if self.search.rate.continues else None
        earlier = (0.0, 0.0) if before is None else before.user_attrs["until"]
        facts = {
            "epochs": made.epochs - earlier[0],
            "gradient_evaluations": made.gradient_evaluations - earlier[1],
            "until": (made.epochs, made.gradient_evaluations),
            "run": made.run,
            "note": "diverged" if isinf(made.score) else "",
        }
        return made.score, facts


def _nothing(note: str) -> dict[str, Any]:
    zero = {"epochs": 0.0, "gradient_evaluations": 0.0, "until": (0.0, 0.0), "run": ""}
    return {**zero, "note": note}
