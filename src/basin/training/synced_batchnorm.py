"""BN whose batch statistics are those of the examples of all ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

BN_RANKS = ("synchronised", "local")
PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SyncedBatchNorm(_BatchNorm):
    """A plain BN layer, except in training inside `synchronised`.

    Each rank's count n_r, mean m_r and variance v_r give the mean m = sum n_r m_r / n and the
    variance sum n_r (v_r + (m_r - m)^2) / n: one exchange forward and one backward.
    Differs: torch.nn.SyncBatchNorm has fused kernels, but none for a CPU.
    """

    together: bool = False

    def _check_input_dim(self, input: Tensor) -> None:
        """The layer that this one replaces would have refused it."""

    def forward(self, input: Tensor) -> Tensor:
        """As nn.BatchNorm2d's."""
        if not (self.together and self.training):
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        out, mean, var, total = _Together.apply(x, self.weight, self.bias, self.eps)
        if self.track_running_stats:
            self._track(mean, var * (total / (total - 1)))
        normalised: Tensor = out.to(input.dtype)
        return normalised

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        if self.momentum is None:
            weight = 1 / self.num_batches_tracked.to(mean.dtype)
        else:
            weight = mean.new_tensor(self.momentum)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(var.to(self.running_var.dtype), weight)


class _Together(torch.autograd.Function):
    """(x (B, C, ...), weight, bias, eps) -> normalised x, mean (C,), biased var (C,), count ()."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Statistics of own examples, of all, and torch's kernel of evaluation with them."""
        own = torch.ops.aten.batch_norm_update_stats(x, None, None, 0.0)  # mean, biased variance
        row = torch.cat([x.new_tensor([x.numel() / x.shape[1]]), *own])
        rows = [torch.empty_like(row) for _ in range(dist.get_world_size())]
        dist.all_gather(rows, row)
        nums, means, variances = torch.stack(rows).split([1, *map(len, own)], dim=1)
        total = nums.sum()
        mean = (nums * means).sum(0) / total
        var = (nums * (variances + (means - mean).square())).sum(0) / total
        ctx.save_for_backward(x, weight, mean, var, total)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var, total)
        return F.batch_norm(x, mean, var, weight, bias, eps=eps), mean, var, total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """gx = w r (g - sum g / n - x' sum (g x') / n), r = 1 / sqrt(var + eps), x' = r (x - mean).

        Sums are over all ranks, for x has moved the statistics of every rank's loss. torch's kernel
        has own sums over own count in their place, and what lacks is an affine map of x. Gradients
        of the weight and the bias are those of own examples, like every other parameter's.
        """
        gradient, (x, weight, mean, var, total) = gradients[0], ctx.saved_tensors
        rate = torch.rsqrt(var + ctx.eps)
        scale = torch.ones_like(mean) if weight is None else weight
        gx, gw, gb = torch.ops.aten.native_batch_norm_backward(
            *(gradient, x, scale, None, None, mean, rate, True, ctx.eps), [True, True, True]
        )
        sums = torch.stack([gw, gb])
        every = sums.clone()
        dist.all_reduce(every)
        own = x.numel() / x.shape[1]
        tilt, shift = (sums / own - every / total) * (scale * rate)
        gx += F.batch_norm(x, mean, var, tilt, shift, eps=ctx.eps)
        return gx, None if weight is None else gw, None if weight is None else gb, None


def synchronisable(model: nn.Module) -> None:
    """Raise ValueError where a BN layer is of a kind that cannot be synchronised here."""
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm) and type(layer) not in (*PLAIN, SyncedBatchNorm):
            raise ValueError(
                f"bn_ranks=synchronised (what null means) cannot replace the layer {name}, a"
                f" {type(layer).__name__}; with several ranks use bn_ranks=local"
            )


def with_synced_batchnorm(model: nn.Module) -> nn.Module:
    """The model with its BN layers replaced; parameters, buffers and their names are the same."""
    synchronisable(model)
    if type(model) in PLAIN:
        return _synced(model)
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if type(layer) in PLAIN:
                parent._modules[name] = _synced(layer)
    return model


def _synced(layer: Any) -> SyncedBatchNorm:
    synced = SyncedBatchNorm(
        layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats
    )
    synced._parameters, synced._buffers = layer._parameters, layer._buffers
    return synced.train(layer.training)


@contextmanager
def synchronised(layers: Sequence[SyncedBatchNorm]) -> Iterator[None]:
    """Forward and backward passes inside exchange statistics between the ranks."""
    for layer in layers:
        layer.together = True
    try:
        yield
    finally:
        for layer in layers:
            layer.together = False
