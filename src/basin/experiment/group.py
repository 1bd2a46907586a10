"""The process group of a run on several devices: joining it, and what its ranks tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed as dist

from basin.experiment.job import Stopped
from basin.launch.place import Place, place
from basin.training.distributed import Ranks

TIMEOUT = timedelta(hours=1)
"""For which a rank waits for the others, which may be reading or fetching data."""


class ToldByRank0(Exception):
    """What went wrong is known on every rank, and rank 0 says it."""


@dataclass(frozen=True)
class Found:
    """What rank 0 found in the run's folder: a finished run, or what to go on from."""

    finished: bool
    checkpoint: dict[str, Any] | None


@contextmanager
def joined(device: str) -> Iterator[tuple[Place, Ranks]]:
    """The group of all processes of this run, left once it has ended well on each.

    Left alone where it has not: who is still waiting for us then fails too, instead of for ever.
    """
    here = place()
    if here.size > 1:
        cuda = torch.cuda.is_available() and device != "cpu"
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            init_method=here.method,
            rank=here.rank,
            world_size=here.size,
            timeout=TIMEOUT,
        )
    try:
        yield here, Ranks()
    except (Stopped, SystemExit):
        _leave(here)
        raise
    _leave(here)


def _leave(here: Place) -> None:
    if here.size > 1:
        dist.destroy_process_group()


@contextmanager
def together(ranks: Ranks) -> Iterator[None]:
    """Work of every rank, after which each knows whether it failed on any, and fails too."""
    error: Exception | None = None
    try:
        yield
    except Exception as caught:
        error = caught
    texts = ranks.everyone(None if error is None else str(error) or type(error).__name__)
    failed = [rank for rank, text in enumerate(texts) if text is not None]
    if failed and ranks.rank:
        raise ToldByRank0(f"rank {failed[0]}: {texts[failed[0]]}") from None
    if error is not None:
        raise error
    if failed:
        raise ValueError(f"rank {failed[0]}: {texts[failed[0]]}")


@contextmanager
def leading(ranks: Ranks) -> Iterator[Callable[[Found], None]]:
    """Rank 0 alone at work, until it tells the others what it found, or that it failed."""
    told: list[Found] = []

    def tell(found: Found) -> None:
        told.append(found)
        ranks.broadcast((found, None))

    try:
        yield tell
    except BaseException as error:
        if not told:
            ranks.broadcast((None, f"{type(error).__name__}: {error}"))
        raise


def told_by_rank_0(ranks: Ranks) -> Found:
    """What `leading` found. Raises ToldByRank0 where it failed."""
    found, error = ranks.broadcast(None)
    if error is not None:
        raise ToldByRank0(error)
    answer: Found = found
    return answer
