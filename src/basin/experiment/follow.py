"""A rank other than 0: the same training, without a file or a line."""

from __future__ import annotations

from typing import Any

from basin.experiment.continuation import Continuation
from basin.experiment.execute import execute
from basin.experiment.group import ToldByRank0, told_by_rank_0
from basin.experiment.job import Job
from basin.experiment.process import set_up
from basin.training.bookkeeping import Interrupted
from basin.training.distributed import Ranks
from basin.training.tally import NonFinite


class Unheard:
    """experiment.execute.Sink of a rank that writes nothing."""

    def epoch(self, line: dict[str, Any]) -> None:
        """Nothing: rank 0 has the same line."""

    def progress(self, line: dict[str, Any]) -> None:
        """Nothing."""

    def save(self, content: dict[str, Any]) -> None:
        """Nothing: rank 0 has the same content."""

    def position(self) -> int:
        """Of no file."""
        return 0

    def keep_end(self, identity: str) -> None:
        """Nothing: rank 0 does."""


def follow(job: Job, ranks: Ranks) -> float:
    """Train beside rank 0; returns the score that it tells.

    Raises Interrupted once rank 0 has written what it wants to keep.
    """
    found = told_by_rank_0(ranks)
    if not found.finished:
        set_up(job)
        try:
            execute(job, Unheard(), Continuation(job, found.checkpoint))
        except NonFinite as error:
            raise ToldByRank0(str(error)) from None
        except Interrupted:
            ranks.broadcast(None)
            raise
    score: float = ranks.broadcast(None)
    return score
