"""What can be wrong between the schedules of a stage, its averages and its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basin.core.clock import Clock
from basin.core.protocols import Averager, RateBound, Schedule, ending
from basin.core.schedules import check_run
from basin.experiment.settings import Settings, path_of


@dataclass(frozen=True)
class Time:
    """The clock of a stage's schedules, in epochs."""

    begin: float  # t at the stage's first update
    length: float  # of what they are schedules of: the stage, its horizon, or all stages


def times_of(stages: dict[str, Settings], clocks: Mapping[str, Clock]) -> list[Time]:
    """One a stage, as if each lasts its epochs; ValueError for a length that is none."""
    lengths = []
    for name, settings in stages.items():
        lengths.append(clocks[name].epochs(settings["epochs"]))
        if lengths[-1] <= 0:
            own = settings["stages"][name].get("epochs") is not None
            raise ValueError(
                f"{f'stages.{name}.' if own else ''}epochs={settings['epochs']} is not above 0:"
                " there would be no training"
            )
    result = []
    for index, (name, length) in enumerate(zip(stages, lengths, strict=True)):
        own, clock = stages[name]["stage"], clocks[name]
        if own["clock"] == "run":
            whole = "all stages"
            result.append(Time(sum(lengths[:index]), _horizon(own, clock, sum(lengths), whole)))
        else:
            result.append(Time(0.0, _horizon(own, clock, length, "the stage")))
    return result


def _horizon(own: Settings, clock: Clock, length: float, what: str) -> float:
    if own["horizon"] is None:
        return length
    horizon = clock.epochs(own["horizon"])
    if horizon < length:
        raise ValueError(
            f"stages.{own['name']}.horizon={own['horizon']} is less than the {length:g} epochs of"
            f" {what}, whose schedules it is the length of: raise epochs, of which it is that"
            f" of the run, or give stages.{own['name']}.horizon=null for the length of {what}"
        )
    return horizon


def check_until(settings: Settings, schedules: Mapping[str, Schedule]) -> None:
    """Raise ValueError where `until` names no schedule that ends by itself."""
    until, name = settings["stage"]["until"], settings["stage"]["name"]
    if until is None or ending(schedules.get(until)) is not None:
        return
    known = ", ".join(field for field, one in schedules.items() if ending(one) is not None)
    what = "never ends by itself" if until in schedules else "is not there"
    raise ValueError(
        f"stages.{name}.until={until}: schedule.{until} {what}; `until` names a feedback"
        f" schedule ({known or 'this stage has none'}). Without it a stage lasts its epochs"
    )


def check_schedules(
    settings: Settings,
    schedules: Mapping[str, Schedule],
    averagers: Mapping[str, Averager],
    time: Time,
) -> None:
    """Raise ValueError where a part of one never acts, or an average misses the rate's cycles."""
    for field, schedule in schedules.items():
        check_run(f"{path_of(settings, 'schedule')}.{field}", schedule, time.length)
    for name, averager in averagers.items():
        if isinstance(averager, RateBound):
            try:
                averager.check_rate(lambda t: schedules["lr"](time.begin + t))
            except ValueError as error:
                raise ValueError(f"{path_of(settings, 'averaging')}.{name}.{error}") from None
