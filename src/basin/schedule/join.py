"""Schedules after one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from basin.core.clock import Epochs
from basin.core.protocols import Schedule, TrainState
from basin.core.schedules import check_choice, check_run

COUNTS_FROM = ("run", "part")


@dataclass(frozen=True, kw_only=True)
class Join:
    """Part k from at[k - 1] on; its factor times scales[k].

    counts_from: `run`, the t of every part is the run's; `part`, it is 0 where the part begins.
    """

    parts: Mapping[str, Schedule]  # in the order of time
    at: Sequence[Epochs]  # epochs at which all parts but the first begin
    scales: Sequence[float] | None  # a factor for each part; null: 1
    counts_from: str  # run | part

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(self.at))
        object.__setattr__(self, "scales", None if self.scales is None else tuple(self.scales))
        check_choice("counts_from", self.counts_from, COUNTS_FROM)
        if len(self.at) != len(self.parts) - 1:
            raise ValueError(
                f"at={list(self.at)} has {len(self.at)} times for {len(self.parts)} parts"
                f" ({', '.join(self.parts)}): give the time at which each but the first begins"
            )
        if any(a >= b for a, b in pairwise((0, *self.at))):
            raise ValueError(f"at={list(self.at)} are not positive and increasing")
        if self.scales is not None and len(self.scales) != len(self.parts):
            raise ValueError(f"scales={list(self.scales)}: give one for each of the parts")

    def _index(self, t: float) -> int:
        return sum(t >= begin for begin in self.at)

    def __call__(self, t: float) -> float:
        """Factor at t epochs already completed."""
        index = self._index(t)
        part = list(self.parts.values())[index]
        begin = self.at[index - 1] if index and self.counts_from == "part" else 0.0
        return part(t - begin) * (1 if self.scales is None else self.scales[index])

    @property
    def last(self) -> Schedule:
        """The last part."""
        return list(self.parts.values())[-1]

    def check_run(self, epochs: float) -> None:
        """Raise ValueError where a part would begin when the run is over."""
        late = [begin for begin in self.at if begin >= epochs]
        if late:
            raise ValueError(
                f"at={list(self.at)}: a part would begin after {late[0]:g} epochs, and the run has"
                f" {epochs:g}; let it begin earlier, or raise epochs"
            )
        for name, part, begin, end in zip(
            self.parts, self.parts.values(), (0.0, *self.at), (*self.at, epochs), strict=True
        ):
            check_run(f"parts.{name}", part, end - begin if self.counts_from == "part" else end)

    def observe(self, state: TrainState) -> None:
        """Every part may look at the state, also while another one acts."""
        for part in self.parts.values():
            part.observe(state)

    def state_dict(self) -> dict[str, Any]:
        """States of the parts, by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
