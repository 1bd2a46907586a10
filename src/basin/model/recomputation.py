"""Activations that backward computes again instead of keeping them, with BN among their layers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(function: Callable[..., Tensor], *inputs: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """function(*inputs), of which backward needs the inputs only; it must not draw numbers.

    norm: the BN layer in it, whose running statistics move in the first pass alone.
    """
    output: Tensor = checkpoint(
        function,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), ReplayedStatistics(norm)),
    )
    return output


class ReplayedStatistics(AbstractContextManager[None]):
    """The second pass of a BN layer over a minibatch, which moves copies of its statistics only.

    Autograd wants the same tensors saved in both passes, so that not tracking is no way.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        self._norm, self._tracked = norm, norm.track_running_stats  # of the first pass
        self._now, self._kept = self._tracked, dict[str, Tensor]()

    def __enter__(self) -> None:
        self._now, self._kept = self._norm.track_running_stats, dict(self._norm.named_buffers())
        self._norm.track_running_stats = self._tracked
        for name, buffer in self._kept.items():
            setattr(self._norm, name, buffer.clone())

    def __exit__(self, *_error: object) -> None:
        self._norm.track_running_stats = self._now
        for name, buffer in self._kept.items():
            setattr(self._norm, name, buffer)
