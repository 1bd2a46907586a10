"""BN running statistics: held still, moved once for several chunks, or re-estimated on a copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class RunningStatistics:
    """The BN layers of one model that keep running statistics."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = [
            m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats
        ]
        self._floats = [
            b for m in self._layers for b in (m.running_mean, m.running_var) if b is not None
        ]
        self._counts = [
            m.num_batches_tracked for m in self._layers if m.num_batches_tracked is not None
        ]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Forward passes normalise by batch statistics and leave the running ones alone."""
        for layer in self._layers:
            layer.track_running_stats = False
        try:
            yield
        finally:
            for layer in self._layers:
                layer.track_running_stats = True

    def chunked(self) -> ChunkedStatistics:
        """Start of a step whose chunks move the statistics once, by the mean of theirs."""
        return ChunkedStatistics(self._floats, self._counts)


class ChunkedStatistics:
    """r0 + sum_i weight_i (r_i - r0), where a pass over chunk i alone takes r0 to r_i.

    A layer's rule is r_i = (1 - m) r0 + m s_i, so this is (1 - m) r0 + m sum_i weight_i s_i: one
    update by the mean of the chunk statistics s_i. Exact after any number of chunks.
    """

    def __init__(self, floats: list[Tensor], counts: list[Tensor]) -> None:
        self._floats, self._counts = floats, counts
        self._start = [b.clone() for b in floats]
        self._start_counts = [c.clone() for c in counts]
        self._moved = [torch.zeros_like(b) for b in floats]

    @contextmanager
    def chunk(self, weight: float) -> Iterator[None]:
        """A forward pass over a chunk that is `weight` of the minibatch."""
        if not self._floats:
            yield
            return
        torch._foreach_copy_(self._floats, self._start)
        if self._counts:
            torch._foreach_copy_(self._counts, self._start_counts)
        yield
        delta = torch._foreach_sub(self._floats, self._start)
        torch._foreach_add_(self._moved, delta, alpha=weight)
        torch._foreach_copy_(self._floats, torch._foreach_add(self._start, self._moved))


@torch.no_grad()
def reestimate_(
    model: nn.Module, batches: Iterable[Tensor], *, equal_batches: bool = False
) -> nn.Module:
    """Set BN running statistics to the sample-weighted mean of batch statistics over `batches`.

    Izmailov et al. 2018 (arXiv:1803.05407), section 3.2 and the authors' bn_update: momentum of a
    batch of b examples after `seen` is b / (seen + b). Other layers run in training mode too.
    equal_batches: b is 1 whatever a batch holds, as in torch.optim.swa_utils.
    Only ever called on a copy; returns it in eval mode. Without BN the batches are not drawn.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if layers:
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
        model.train()
        seen = 0
        for images in batches:
            weight = 1 if equal_batches else len(images)
            for layer in layers:
                layer.momentum = weight / (seen + weight)
            model(images)
            seen += weight
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return model.eval()
