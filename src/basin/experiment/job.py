"""A checked run, and where its lines go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from basin.core.scores import headline, score_text
from basin.experiment.check import Plan
from basin.experiment.folder import RunFolder
from basin.experiment.members import Membership
from basin.experiment.settings import Settings
from basin.experiment.stage_end import keep_end
from basin.experiment.way import Way
from basin.launch.status import Status
from basin.logger.jsonl import JsonLines
from basin.logger.protocol import Logger
from basin.training.checkpoint import Checkpoints


def tell(text: str) -> None:
    """A sentence for the user, whatever loggers there are."""
    print(text, file=sys.stderr, flush=True)


class Stopped(BaseException):
    """The run was asked to stop; `code` is the exit code of the process."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Job:
    """What is run, and on what."""

    settings: Settings
    stages: dict[str, Settings]
    identities: list[str]
    plan: Plan
    folder: RunFolder
    device: torch.device
    precision: str
    environment: dict[str, Any]
    way: Way  # in which its steps are executed
    tuning: dict[str, Any] | None  # what that was chosen by; None: the configuration
    permit: Callable[[], None]
    interrupted: Callable[[], int]  # training.bookkeeping.Bookkeeping's
    membership: Membership | None  # of a run that has its process to itself: none

    @property
    def members(self) -> int:
        """Runs that were begun together in this process."""
        return 1 if self.membership is None else self.membership.members

    @property
    def epochs(self) -> float:
        """Length of all stages."""
        return sum(self.plan.epochs.values())


@dataclass(frozen=True)
class Output:
    """Everything that a run writes to while it trains."""

    lines: JsonLines
    loggers: list[Logger]  # `lines` among them
    status: Status
    checkpoints: Checkpoints
    epochs: float
    permit: Callable[[], None]  # raises LostLock

    def epoch(self, line: dict[str, Any]) -> None:
        """An evaluation, to every logger and to status.json."""
        self.permit()
        for logger in self.loggers:
            logger.epoch(line)
        last = line["solutions"]["last"]
        scores = last.get("validation", last["test"])
        name = headline(scores)
        score = score_text(name, scores[name])
        self.status.write("running", epoch=line["t"], epochs=self.epochs, score=score)

    def progress(self, line: dict[str, Any]) -> None:
        """A log point, to every logger, and to status.json where that is old."""
        for logger in self.loggers:
            logger.progress(line)
        left = line["seconds_left"]
        self.status.refresh(epoch=line["t"], epochs=self.epochs, seconds_left=left)

    def save(self, content: dict[str, Any]) -> None:
        """A checkpoint."""
        self.checkpoints.save(content)

    def keep_end(self, identity: str) -> None:
        """The newest checkpoint, that of a stage's end, under the stage's identity."""
        keep_end(identity, self.checkpoints)

    def position(self) -> int:
        """Of the end of metrics.jsonl."""
        return self.lines.position()

    def finish(self, summary: dict[str, Any]) -> None:
        """The last call."""
        for logger in self.loggers:
            logger.finish(summary)
