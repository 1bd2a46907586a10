"""The process group that torch.distributed has, if any."""

from __future__ import annotations

from torch import distributed as dist


def rank_and_size() -> tuple[int, int]:
    """Which of how many processes this is; (0, 1) where there is no group."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()
