"""What a search has found, as plain values: scores by rung, budget, agreement with `final`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isinf
from shlex import join
from typing import Any

from basin.tune.agreement import agreement, undefined
from basin.tune.board import Board, View
from basin.tune.schedulers import Rung
from basin.tune.search import Search, search_of
from basin.tune.space import words
from basin.tune.storage import Studies

Finals = Mapping[int, float]
"""Score at the last rung, by configuration."""


@dataclass(frozen=True)
class Found:
    """A search as far as it has come."""

    name: str
    search: Search
    view: View
    params: dict[int, dict[str, Any]]

    @property
    def finals(self) -> dict[int, float]:
        """Of the configurations that reached the last rung."""
        top = self.search.ladder.top
        return {one.configuration: s for one, s in self.view.scores.items() if one.rung == top}

    @property
    def over(self) -> bool:
        """Whether nothing is left to be trained."""
        return not self.view.running and not [*self.search.plan.wanted(self.view.scores)]

    def best(self) -> Rung | None:
        """The rung of the lowest score, of the highest at which any configuration has one."""
        for rung in range(self.search.ladder.top, -1, -1):
            at = [r for r, score in self.view.scores.items() if r.rung == rung and not isinf(score)]
            if at:
                return min(at, key=lambda one: (self.view.scores[one], one))
        return None

    def command(self, rung: Rung) -> str:
        """Words of the run that was scored at a rung, or the same run anew in other results."""
        return join(self.search.words(self.params[rung.configuration], *rung))

    def plain_command(self, number: int) -> str:
        """Words that train a configuration to the end with the schedule of overrides and space."""
        whole = f"epochs={self.search.ladder.budgets[-1]!r}"
        return join([*self.search.overrides, *words(self.params[number]), whole])


def found(studies: Studies) -> Found:
    """Read a study. Raises ValueError where it is no search of this version."""
    search = search_of(studies.configurations.user_attrs.get("search"))
    trials = studies.configurations.get_trials(deepcopy=False)
    params = {trial.user_attrs["configuration"]: trial.params for trial in trials}
    return Found(studies.name, search, Board(studies.storage, studies.rungs, "").view(), params)


def outcome(one: Found, final: Found | None) -> dict[str, Any]:
    """Everything that a report prints.

    final: the study whose last rung says how good a configuration is; None: this one's own.
    Raises ValueError where a configuration is not the same in both.
    """
    truth = one if final is None else final
    same_configurations(one, truth)
    finals, best = truth.finals, one.best()
    result: dict[str, Any] = {
        "study": one.name,
        "final": truth.name,
        "over": one.over,
        "search": asdict(one.search),
        "rungs": [_rung(one, rung, truth) for rung in range(one.search.ladder.top + 1)],
        "budget": _budget(one),
        "configurations": _configurations(one, finals),
    }
    if best is not None:
        result["selected"] = _selected(one, best, finals)
    return result


def _selected(one: Found, rung: Rung, finals: Finals) -> dict[str, Any]:
    number = rung.configuration
    score = finals.get(number)
    return {
        "configuration": number,
        "params": one.params[number],
        "rung": rung.rung,
        "run": one.view.done[rung].user_attrs["run"],
        "command": one.command(rung),
        "plain_command": one.plain_command(number),
        "final": score,
        "rank": None if score is None else 1 + sum(s < score for s in finals.values()),
        "of": len(finals),
    }


def same_configurations(left: Found, right: Found) -> None:
    """Raise ValueError where two studies' configurations of one number are not the same."""
    for number in left.params.keys() & right.params.keys():
        if left.params[number] != right.params[number]:
            raise ValueError(
                f"final={right.name}: its configuration {number} is not that of {left.name}; the"
                " same space, seed and sampler=random give the same"
            )


def _rung(one: Found, rung: int, truth: Found) -> dict[str, Any]:
    finals, itself = truth.finals, truth.name == one.name and rung == one.search.ladder.top
    at = {r.configuration: s for r, s in one.view.scores.items() if r.rung == rung}
    both = sorted(at.keys() & finals.keys())
    return {
        "rung": rung,
        "epochs": one.search.ladder.budgets[rung],
        "configurations": len(at),
        "diverged": sum(map(isinf, at.values())),
        "best": min(at.values(), default=None),
        "agreement": undefined(len(both))
        if itself
        else agreement([at[n] for n in both], [finals[n] for n in both]),
    }


def _budget(one: Found) -> dict[str, float]:
    """Trained, as the runs' records say, and what the rungs cost by their definition.

    The definition counts untrained rungs too: of configurations that had diverged or were given up.
    """
    search, done = one.search, one.view.done
    planned = [
        search.rate.cost(search.ladder, search.plan.begins(r.configuration), r.rung) for r in done
    ]
    return {
        "epochs": sum(trial.user_attrs["epochs"] for trial in done.values()),
        "gradient_evaluations": sum(t.user_attrs["gradient_evaluations"] for t in done.values()),
        "planned_epochs": sum(planned),
        "untrained_rungs": sum(not trial.user_attrs["run"] for trial in done.values()),
        "everyone_to_the_end": len(one.params) * search.epochs,
        "failed_attempts": sum(len(trials) for trials in one.view.failed.values()),
    }


def _configurations(one: Found, finals: Finals) -> list[dict[str, Any]]:
    rungs = range(one.search.ladder.top + 1)
    return [
        {
            "configuration": number,
            "params": one.params[number],
            "scores": [one.view.scores.get(Rung(number, rung)) for rung in rungs],
            "final": finals.get(number),
        }
        for number in sorted(one.params)
    ]
