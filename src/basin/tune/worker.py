"""One worker of a search: takes rungs from the board until the search is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from basin.core.random import derive
from basin.launch.lock import LostLock, RunningElsewhere
from basin.tune.board import Board, View
from basin.tune.sampling import draw
from basin.tune.schedulers import Rung
from basin.tune.search import Search
from basin.tune.storage import Studies, tell_once
from basin.tune.workers import is_gone, lock

POLL_SECONDS = 1.0
"""Between two looks at the board while other workers have what there is to do."""


@dataclass(frozen=True)
class Trained:
    """What a rung's run says. Counts are of the run since its first epoch, all rungs together."""

    score: float  # validation; inf diverged
    epochs: float
    gradient_evaluations: float
    run: str  # name of its folder


Train = Callable[[Sequence[str]], Trained]
"""Train the run of these overrides, or continue it, or report it where it is finished."""


@dataclass
class Worker:
    """`train` raises BaseException to stop (a signal, whose checkpoint is written by then)."""

    search: Search
    studies: Studies
    board: Board
    folder: Path  # of the study
    train: Train
    tell: Callable[[str], None]
    poll: float = POLL_SECONDS

    def work(self) -> None:
        """Until nothing is wanted and no other worker is busy."""
        with lock(self.folder, self.board.worker, self.tell):
            while True:
                view = self.board.view()
                if self._take_one(view):
                    continue
                if not view.running:
                    self._close(view)
                    return
                if not self._reclaim(view):
                    time.sleep(self.poll)

    def _take_one(self, view: View) -> bool:
        """Train one rung; False where there is none to be had."""
        for rung in self.search.plan.wanted(view.scores):
            if rung in view.running:
                continue
            claim = self.board.claim(rung, len(view.failed.get(rung, ())))
            if claim is not None:
                self._do(rung, claim, view)
                return True
        return False

    def _reclaim(self, view: View) -> bool:
        """Give free what workers had that are gone."""
        free = False
        for claim in view.running.values():
            worker = claim.user_attrs["worker"]
            if worker != self.board.worker and is_gone(self.folder, worker):
                self.tell(f"{worker} is gone; its rung goes on from its last checkpoint")
                self.board.fail(claim, why="its worker ended", given_back=False)
                free = True
        return free

    def _do(self, rung: Rung, claim: FrozenTrial, view: View) -> None:
        """A rung, from the claim to its score or its failure."""
        try:
            trial = self._drawn(rung.configuration)
            score, facts = self._trained(rung, trial, view)
        except RunningElsewhere as error:
            self.board.fail(claim, why=str(error), given_back=True)
            time.sleep(self.poll)
            return
        except LostLock as error:
            self.tell(str(error))
            return
        except ValueError:
            self.board.fail(claim, why="refused", given_back=True)
            raise
        except Exception as error:
            self.board.fail(claim, why=f"{type(error).__name__}: {error}", given_back=False)
            self.tell(f"configuration {rung.configuration}, rung {rung.rung} failed: {error}")
            return
        except BaseException:
            self.board.fail(claim, why="stopped", given_back=True)
            raise
        self.studies.report(trial, rung.rung, score)  # first: whoever sees the score may close it
        if self.board.finish(claim, score, facts):
            self.tell(
                f"configuration {rung.configuration}, rung {rung.rung}: {score:.4g}"
                f" ({facts['note'] or facts['run']})"
            )
            self._close(self.board.view())

    def _trained(self, rung: Rung, trial: FrozenTrial, view: View) -> tuple[float, dict[str, Any]]:
        below = Rung(rung.configuration, rung.rung - 1)
        if isinf(view.scores.get(below, 0.0)):
            return inf, self._nothing(f"diverged, or given up, at rung {below.rung}")
        if view.counted(rung) >= self.search.attempts:
            why = view.failed[rung][-1].user_attrs.get("why", "")
            return inf, self._nothing(f"given up after {self.search.attempts} attempts: {why}")
        made = self.train(self.search.words(trial.params, *rung))
        before = view.done.get(below)
        continued = self.search.rate.continues and before is not None
        earlier = before.user_attrs["until"] if continued and before is not None else (0.0, 0.0)
        facts = {
            "epochs": made.epochs - earlier[0],
            "gradient_evaluations": made.gradient_evaluations - earlier[1],
            "until": (made.epochs, made.gradient_evaluations),
            "run": made.run,
            "note": "diverged" if isinf(made.score) else "",
        }
        return made.score, facts

    @staticmethod
    def _nothing(note: str) -> dict[str, Any]:
        zero = {"epochs": 0.0, "gradient_evaluations": 0.0, "until": (0.0, 0.0), "run": ""}
        return {**zero, "note": note}

    def _drawn(self, configuration: int) -> FrozenTrial:
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

    def _close(self, view: View) -> None:
        """Tell Optuna which configurations are complete, and which were stopped."""
        study, plan, top = self.studies.configurations, self.search.plan, self.search.ladder.top
        out = plan.out(view.scores)
        over = not view.running and next(iter(plan.wanted(view.scores)), None) is None
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            number = trial.user_attrs["configuration"]
            final = view.scores.get(Rung(number, top))
            if final is not None:
                tell_once(study, trial.number, final)
            elif number in out or over:
                tell_once(study, trial.number, None, TrialState.PRUNED)
