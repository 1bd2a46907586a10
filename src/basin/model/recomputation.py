"""Activations that backward computes again instead of keeping them, with BN among their layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(
    function: Callable[..., Tensor],
    *inputs: Tensor,
    norms: Sequence[_BatchNorm],
    draws: bool = False,
) -> Tensor:
    """function(*inputs), of which backward needs the inputs only.

    norms: the BN layers in it, whose running statistics move in the first pass alone.
    draws: whether it draws from torch's generators, and the second pass is to draw the same.
    """

    def contexts() -> tuple[AbstractContextManager[None], ReplayedStatistics]:
        return nullcontext(), ReplayedStatistics(norms)

    output: Tensor = checkpoint(
        function, *inputs, use_reentrant=False, preserve_rng_state=draws, context_fn=contexts
    )
    return output


class ReplayedStatistics(AbstractContextManager[None]):
    """The second pass of BN layers over a minibatch, which moves copies of their statistics only.

    Autograd wants the same tensors saved in both passes, so that not tracking is no way.
    """

    def __init__(self, norms: Sequence[_BatchNorm]) -> None:
        self._norms = [*norms]
        self._tracked = [norm.track_running_stats for norm in norms]  # of the first pass
        self._now, self._kept = [*self._tracked], list[dict[str, Tensor]]()

    def __enter__(self) -> None:
        self._now = [norm.track_running_stats for norm in self._norms]
        self._kept = [dict(norm.named_buffers()) for norm in self._norms]
        for norm, tracked, kept in zip(self._norms, self._tracked, self._kept, strict=True):
            norm.track_running_stats = tracked
            for name, buffer in kept.items():
                setattr(norm, name, buffer.clone())

    def __exit__(self, *_error: object) -> None:
        for norm, now, kept in zip(self._norms, self._now, self._kept, strict=True):
            norm.track_running_stats = now
            for name, buffer in kept.items():
                setattr(norm, name, buffer)
