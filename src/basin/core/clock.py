"""Epochs, steps and images: the one place that converts between them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

Duration = float | int | str
"""A number of epochs, or `500 steps`, `10000 images`, `30 epochs`."""

Epochs = Annotated[float, "or a duration, which is made of it before anything is built"]
"""How an argument is declared that is a number of epochs and may be given as a duration."""

DURATION = re.compile(r"\s*(\d+(?:\.\d+)?(?:e\d+)?)\s+(epoch|step|image)s?\s*", re.IGNORECASE)

NEAR = 1e-6
"""Of an update: what rounding makes of a whole number of them stays far below."""


@dataclass(frozen=True)
class Clock:
    """An epoch is one pass over the examples that a pass draws (less a dropped partial batch).

    Its fraction is counted in updates, as the authors' codes of SGDR, CLR and FGE count it: after k
    of the n minibatches of a pass it is k/n, however few examples the last one has. A minibatch of
    another size than the batch size counts by its share of one.
    """

    examples: int  # drawn in one pass
    batch_size: int  # global
    distinct: int | None = None  # of the training set, copies counted once; None: as many as drawn

    @property
    def size(self) -> int:
        """Training examples, copies of one counted once: what rules by the size of a set go by."""
        return self.examples if self.distinct is None else self.distinct

    @property
    def steps_per_epoch(self) -> int:
        """Minibatches in a pass; the last may be smaller."""
        return math.ceil(self.examples / self.batch_size)

    def epochs(self, duration: Duration) -> float:
        """Length of a duration in epochs. Raises ValueError where it is not one."""
        if isinstance(duration, (int, float)) and not isinstance(duration, bool):
            return float(duration)
        match = DURATION.fullmatch(str(duration))
        if match is None:
            raise ValueError(
                f"{duration!r} is not a duration: give a number of epochs, or a string such as"
                " '500 steps' or '10000 images'"
            )
        number, unit = float(match[1]), match[2].lower()
        if unit == "epoch":
            return number
        if unit == "image":
            return self.t(number)
        passes, rest = divmod(number, self.steps_per_epoch)
        return passes + rest / self.steps_per_epoch  # as t is rounded

    def t(self, drawn: float) -> float:
        """Epochs completed after `drawn` examples of one data order."""
        passes, rest = divmod(drawn, self.examples)
        return passes + rest / self.batch_size / self.steps_per_epoch

    def steps(self, t: float) -> float:
        """Updates in t epochs: a whole number, exactly, where t is the end of one."""
        number = t * self.steps_per_epoch
        nearest = round(number)
        return float(nearest) if abs(number - nearest) < NEAR else number


def check_duration(name: str, duration: Duration) -> None:
    """Raise ValueError, naming the field, where a duration is malformed or negative."""
    try:
        length = Clock(1, 1).epochs(duration)
    except ValueError as error:
        raise ValueError(f"{name}={error}") from None
    if not (math.isfinite(length) and length >= 0):
        raise ValueError(f"{name}={duration} is not a length of time: give 0 or more epochs")
