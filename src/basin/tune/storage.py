"""The two Optuna studies of a search, in a journal file or any database that Optuna takes.

`NAME` has a trial for each configuration, with its score at each rung as intermediate values: what
Optuna's pictures, dashboards and samplers read. `NAME.rungs` has one for each attempt at a rung:
what workers share (board.py).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


@dataclass(frozen=True)
class Studies:
    """Both studies of a search."""

    name: str
    storage: BaseStorage
    configurations: optuna.Study
    rungs: optuna.Study

    def trial(self, configuration: int) -> FrozenTrial | None:
        """The trial of a configuration; None before it is drawn."""
        for trial in self.configurations.get_trials(deepcopy=False):
            if trial.user_attrs.get("configuration") == configuration:
                return trial
        return None

    def report(self, trial: FrozenTrial, rung: int, score: float) -> None:
        """A score of a configuration; nothing where its trial has ended."""
        study = self.storage.get_study_id_from_name(self.name)
        identity = self.storage.get_trial_id_from_study_id_trial_number(study, trial.number)
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            self.storage.set_trial_intermediate_value(identity, rung, score)


def tell_once(
    study: optuna.Study, number: int, score: float | None, state: TrialState | None = None
) -> bool:
    """End a trial; False where another worker has ended it, even between our look and our word."""
    with suppress(optuna.exceptions.UpdateFinishedTrialError):
        told = study.tell(number, score, state=state, skip_if_finished=True)
        return told.value == score and (state is None or told.state == state)
    return False


def studies(storage: BaseStorage, name: str) -> Studies:
    """Both, made where they are not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = [
        optuna.create_study(
            study_name=one, storage=storage, direction="minimize", load_if_exists=True
        )
        for one in (name, f"{name}.rungs")
    ]
    return Studies(name, storage, *made)


def existing(storage: BaseStorage, name: str) -> Studies:
    """Both, to be read. Raises ValueError naming those that there are."""
    there = [one for one in optuna.get_all_study_names(storage) if not one.endswith(".rungs")]
    if name not in there:
        raise ValueError(
            f"study={name}: there is none here; there are {', '.join(there) or 'none'}"
        )
    return studies(storage, name)
