"""One worker of a search: takes rungs from the board until the search is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from basin.launch.lock import LostLock, RunningElsewhere
from basin.tune.board import Board, View
from basin.tune.rungs import Rungs
from basin.tune.schedulers import Rung
from basin.tune.storage import tell_once
from basin.tune.workers import is_gone, lock

POLL_SECONDS = 1.0
"""Between two looks at the board while other workers have what there is to do."""
ELSEWHERE_SECONDS = 30.0
"""For which a rung is left alone whose run folder another process holds."""


@dataclass
class Worker:
    """`rungs.train` raises BaseException to stop: a signal, whose checkpoint is written by then."""

    rungs: Rungs
    board: Board
    folder: Path  # of the study
    tell: Callable[[str], None]
    poll: float = POLL_SECONDS
    elsewhere: float = ELSEWHERE_SECONDS
    _again: dict[Rung, float] = field(default_factory=dict)  # when a rung elsewhere is asked for
    _looks: int = 0  # at other workers

    def work(self) -> None:
        """Until nothing is wanted and no other worker is busy."""
        with lock(self.folder, self.board.worker, self.tell):
            while True:
                view = self.board.view()
                wanted = list(self.rungs.search.plan.wanted(view.scores))
                if self._take_one(wanted, view):
                    continue
                if not (wanted or view.running):
                    self._close(view)
                    return
                if not self._reclaim(view):
                    time.sleep(self.poll)

    def _take_one(self, wanted: list[Rung], view: View) -> bool:
        """Train one rung; False where there is none to be had."""
        for rung in wanted:
            if rung in view.running or self._again.get(rung, 0.0) > time.monotonic():
                continue
            claim = self.board.claim(rung, len(view.failed.get(rung, ())))
            if claim is not None:
                self._do(rung, claim, view)
                return True
        return False

    def _reclaim(self, view: View) -> bool:
        """Look after one other worker, in turn, and give free what it had if it is gone.

        One at a look: of a worker on another machine only its heartbeat tells, which takes time.
        """
        others = [c for c in view.running.values() if c.user_attrs["worker"] != self.board.worker]
        if not others:
            return False
        claim = others[self._looks % len(others)]
        self._looks += 1
        worker = claim.user_attrs["worker"]
        if not is_gone(self.folder, worker):
            return False
        self.tell(f"{worker} is gone; its rung goes on from its last checkpoint")
        self.board.fail(claim, why="its worker ended", given_back=False)
        return True

    def _do(self, rung: Rung, claim: FrozenTrial, view: View) -> None:
        """A rung, from the claim to its score or its failure."""
        try:
            trial = self.rungs.drawn(rung.configuration)
            score, facts = self.rungs.trained(rung, trial, view)
        except (RunningElsewhere, LostLock) as error:
            self.board.fail(claim, why=str(error), given_back=True)
            self._again[rung] = time.monotonic() + self.elsewhere
            self.tell(f"configuration {rung.configuration}, rung {rung.rung} waits: {error}")
        except ValueError:
            self.board.fail(claim, why="refused", given_back=True)
            raise
        except Exception as error:
            self.board.fail(claim, why=f"{type(error).__name__}: {error}", given_back=False)
            self.tell(f"configuration {rung.configuration}, rung {rung.rung} failed: {error}")
        except BaseException:
            self.board.fail(claim, why="stopped", given_back=True)
            raise
        else:
            self._finish(rung, claim, (trial, score, facts))

    def _finish(
        self, rung: Rung, claim: FrozenTrial, made: tuple[FrozenTrial, float, dict[str, Any]]
    ) -> None:
        trial, score, facts = made
        self.rungs.studies.report(trial, rung.rung, score)  # first: who sees the score may close it
        if self.board.finish(claim, score, facts):
            self.tell(
                f"configuration {rung.configuration}, rung {rung.rung}: {score:.4g}"
                f" ({facts['note'] or facts['run']})"
            )
            self._close(self.board.view())

    def _close(self, view: View) -> None:
        """Tell Optuna which configurations are complete, and which were stopped."""
        search, study = self.rungs.search, self.rungs.studies.configurations
        out = search.plan.out(view.scores)
        over = not view.running and next(iter(search.plan.wanted(view.scores)), None) is None
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            number = trial.user_attrs["configuration"]
            final = view.scores.get(Rung(number, search.ladder.top))
            if final is not None:
                tell_once(study, trial.number, final)
            elif number in out or over:
                tell_once(study, trial.number, None, TrialState.PRUNED)
