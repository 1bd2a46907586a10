"""AutoDrop of 2021 (Teng et al., arXiv:2111.15317): the schedule's half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from basin.core.schedules import Stateless


@runtime_checkable
class Detector(Protocol):
    """What watches the run and decides when to drop."""

    @property
    def factor(self) -> float:
        """Product of the drops so far."""
        ...

    @property
    def done(self) -> bool:
        """Whether the lowest rate is reached, so that no drop is left."""
        ...


class AutoDropV1(Stateless):
    """The factor that a detector among the averagers has reached; the state is the detector's."""

    def __init__(self, averagers: Mapping[str, Any], *, averager: str) -> None:
        detector = averagers.get(averager)
        if not isinstance(detector, Detector):
            raise ValueError(
                f"averager={averager} is not one of this run's that detect drops: pass"
                f" averaging=autodrop_v1 (averagers: {', '.join(averagers) or 'none'})"
            )
        self._detector = detector

    def __call__(self, t: float) -> float:
        """Factor now, whatever t is."""
        return self._detector.factor

    @property
    def done(self) -> bool:
        """Whether the lowest rate is reached, so that no drop is left."""
        return self._detector.done
