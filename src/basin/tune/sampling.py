"""What is drawn for a configuration: a function of the seed, its number, and the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from basin.core.random import derive
from basin.tune.space import Space

SEEDS = 2**32
"""numpy's generators take seeds below this."""


def draw(
    sampler: str, space: Space, trials: Sequence[FrozenTrial], *, startup: int, seed: int
) -> dict[str, Any]:
    """Values by field.

    random: independent of everything but the seed, so that searches of other modes draw the same.
    tpe (Bergstra et al. 2011): of what was scored so far, the highest rungs first; configurations
    without a score count as bad ones, so that workers keep apart.
    """
    number = derive(seed) % SEEDS
    chosen: optuna.samplers.BaseSampler
    if sampler == "random":
        chosen = optuna.samplers.RandomSampler(seed=number)
    else:
        chosen = optuna.samplers.TPESampler(
            n_startup_trials=startup, seed=number, constant_liar=True
        )
    study = optuna.create_study(sampler=chosen)  # in memory, gone after this
    if sampler != "random":
        study.add_trials([as_seen(trial) for trial in trials])
    return study.ask(fixed_distributions=dict(space)).params


def as_seen(trial: FrozenTrial) -> FrozenTrial:
    """A configuration that waits between two rungs is one that was stopped there, to a sampler."""
    scored = trial.state == TrialState.RUNNING and trial.intermediate_values
    return optuna.create_trial(
        state=TrialState.PRUNED if scored else trial.state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values=trial.intermediate_values,
    )
