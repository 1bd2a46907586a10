"""Who trains which rung: claims in a study that all workers see, without a lock.

A claim is a trial that begins as RUNNING, with (configuration, rung, attempt) as attributes.
Storages number trials in the order in which they are made visible, so of several claims of one
attempt every worker sees the same one first; the others count for nothing. An attempt that failed,
or whose worker is gone, is FAIL, and the next attempt may be claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from basin.tune.schedulers import Rung
from basin.tune.storage import tell_once

Key = tuple[int, int, int]  # configuration, rung, attempt


@dataclass
class View:
    """What the study says at one moment."""

    scores: dict[Rung, float] = field(default_factory=dict)
    done: dict[Rung, FrozenTrial] = field(default_factory=dict)
    running: dict[Rung, FrozenTrial] = field(default_factory=dict)
    failed: dict[Rung, list[FrozenTrial]] = field(default_factory=dict)

    def counted(self, rung: Rung) -> int:
        """Attempts at a rung that failed; those that were given back do not count."""
        return sum(not t.user_attrs.get("given_back", False) for t in self.failed.get(rung, ()))


class Board:
    """Claims, scores and failures of one worker's rungs."""

    def __init__(self, storage: BaseStorage, study: optuna.Study, worker: str) -> None:
        self._storage, self._study, self.worker = storage, study, worker

    def view(self) -> View:
        """Read everything."""
        view = View()
        for (number, rung, _), trial in self._owners().items():
            one = Rung(number, rung)
            if trial.state == TrialState.COMPLETE:
                assert trial.value is not None
                view.scores[one], view.done[one] = trial.value, trial
            elif trial.state == TrialState.RUNNING:
                view.running[one] = trial
            else:
                view.failed.setdefault(one, []).append(trial)
        return view

    def claim(self, rung: Rung, attempt: int) -> FrozenTrial | None:
        """The claim, if this worker was the first to make it."""
        attributes = {"configuration": rung.configuration, "rung": rung.rung, "attempt": attempt}
        self._study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING, user_attrs={**attributes, "worker": self.worker}
            )
        )
        owner = self._owners()[rung.configuration, rung.rung, attempt]
        return owner if owner.user_attrs["worker"] == self.worker else None

    def finish(self, claim: FrozenTrial, score: float, facts: Mapping[str, Any]) -> bool:
        """Write a score; False where another worker has declared this one gone."""
        identity = self._identity(claim)
        try:
            for name, value in facts.items():
                self._storage.set_trial_user_attr(identity, name, value)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        return tell_once(self._study, claim.number, score)

    def fail(self, claim: FrozenTrial, *, why: str, given_back: bool) -> None:
        """End an attempt without a score; nothing where it has ended."""
        identity = self._identity(claim)
        try:
            for name, value in (("why", why), ("given_back", given_back)):
                self._storage.set_trial_user_attr(identity, name, value)
        except optuna.exceptions.UpdateFinishedTrialError:
            return
        tell_once(self._study, claim.number, None, TrialState.FAIL)

    def _owners(self) -> dict[Key, FrozenTrial]:
        """The first claim of each attempt, in the order of attempts."""
        owners: dict[Key, FrozenTrial] = {}
        for trial in self._study.get_trials(deepcopy=False):
            a = trial.user_attrs
            owners.setdefault((a["configuration"], a["rung"], a["attempt"]), trial)
        return owners

    def _identity(self, claim: FrozenTrial) -> int:
        study = self._storage.get_study_id_from_name(self._study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, claim.number)
