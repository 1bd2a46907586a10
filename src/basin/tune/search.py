"""A file of configs/tune: what is searched, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from functools import cached_property
from math import isfinite
from typing import Any

from basin.tune.ladder import Ladder, brackets, halving, ladder_of
from basin.tune.modes import RESERVED, Mode
from basin.tune.schedulers import Asynchronous, Everyone, Scheduler, Synchronous
from basin.tune.space import Space, space_of, words

SCHEDULERS = ("sha", "hyperband", "asha", "all")
SAMPLERS = ("random", "tpe")


@dataclass(frozen=True, kw_only=True)
class Search:
    """Every field is in the YAML. Raises ValueError, naming the field, for one that is wrong."""

    overrides: list[str]  # words of train.py
    space: Mapping[str, Any]
    scheduler: str
    eta: int
    configurations: int | None
    first: float  # epochs at rung 0
    epochs: float  # R, at the last rung
    mode: str
    momentum: str
    cycle_factor: float
    period: float | None
    sampler: str
    startup: int
    seed: int
    attempts: int  # at a rung that fails or whose worker is killed

    def __post_init__(self) -> None:
        _words("overrides", self.overrides)
        for name in ("first", "epochs", "cycle_factor"):
            _number(name, getattr(self, name))
        if self.period is not None:
            _number("period", self.period, ", or null")
        _one_of("scheduler", self.scheduler, SCHEDULERS)
        _one_of("sampler", self.sampler, SAMPLERS)
        for name, least in (("startup", 1), ("attempts", 1), ("seed", 0)):
            _whole(name, getattr(self, name), least)
        if self.scheduler == "hyperband":
            if self.configurations is not None:
                raise ValueError(
                    f"configurations={self.configurations}: scheduler=hyperband takes as many as"
                    " its brackets have; give configurations=null"
                )
        else:
            _whole("configurations", self.configurations, 1)
        self._fields()
        assert self.plan  # built here, so that what is wrong is found now

    @cached_property
    def distributions(self) -> Space:
        """By field of train.py."""
        return space_of(self.space)

    @cached_property
    def ladder(self) -> Ladder:
        """The rungs."""
        return ladder_of(self.first, self.epochs, self.eta)

    @cached_property
    def rate(self) -> Mode:
        """The mode of the learning rate."""
        return Mode(
            name=self.mode,
            momentum=self.momentum,
            cycle_factor=self.cycle_factor,
            period=self.period,
        )

    @cached_property
    def plan(self) -> Scheduler:
        """The scheduler."""
        ladder, num = self.ladder, self.configurations or 0
        if self.scheduler == "asha":
            return Asynchronous(ladder, num)
        if self.scheduler == "hyperband":
            return Synchronous(ladder, tuple(brackets(ladder)))
        if self.scheduler == "all":
            return Everyone(ladder, num)
        return Synchronous(ladder, (halving(ladder, num),))

    def words(self, params: Mapping[str, Any], configuration: int, rung: int) -> list[str]:
        """Overrides of the run of one rung of a configuration."""
        steps = self.rate.words(self.ladder, self.plan.begins(configuration), rung)
        return [*self.overrides, *words(params), *steps]

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Fields in which another search, as plain values, is not this one."""
        mine = asdict(self)
        return [f"{k}: {other.get(k)} -> {v}" for k, v in mine.items() if other.get(k) != v]

    def _fields(self) -> None:
        """Each field of train.py once, and none that the search sets."""
        given = [word.split("=", 1)[0].lstrip("+~") for word in self.overrides]
        for key in (*given, *self.distributions):
            reserved = [*RESERVED, *(["schedule"] if self.rate.sets_schedule else [])]
            if key in reserved or key.startswith("stages."):
                raise ValueError(f"{key} is the search's own to set (mode={self.mode}): remove it")
        twice = sorted(set(given) & set(self.distributions))
        if twice:
            raise ValueError(f"{twice[0]} is in overrides and in space: leave it in one of them")
        if self.cycle_factor != 1 and "lr" not in (*given, *self.distributions):
            raise ValueError(f"cycle_factor={self.cycle_factor} needs lr in space or overrides")


def search_of(content: Any) -> Search:
    """A search from plain values. Raises ValueError for what is missing, unknown or wrong."""
    if not isinstance(content, Mapping):
        raise ValueError("a search is a mapping of fields; see configs/tune")
    known = [field.name for field in fields(Search)]
    for key in content:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"{key} is not a field of a search; {hint}")
    missing = [name for name in known if name not in content]
    if missing:
        raise ValueError(f"a search needs {', '.join(missing)}")
    return Search(**content)


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value} is not one of {', '.join(allowed)}")


def _words(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(
            f"{name}={value!r} is not a list of words of train.py, such as [experiment=quickstart]"
        )


def _number(name: str, value: Any, beside: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        hint = " (YAML reads 1e-1 as a word: write 1.0e-1)" if isinstance(value, str) else ""
        raise ValueError(f"{name}={value!r} is not a finite number{beside}{hint}")


def _whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value} is not a whole number of {least} or more")
