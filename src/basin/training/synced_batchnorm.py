"""BN whose batch statistics are those of the examples of all ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributed as dist
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
        axes = [0, *range(2, x.ndim)]
        var, mean = torch.var_mean(x, axes, correction=0)  # (C,)
        num = x.new_tensor([x.numel() / x.shape[1]])
        stats: Tensor = _Gather.apply(torch.cat([num, mean, var]))  # (ranks, 1 + 2 C)
        nums, means, variances = stats.split([1, len(mean), len(mean)], dim=1)
        total = nums.sum()
        mean = (nums * means).sum(0) / total
        var = (nums * (variances + (means - mean).square())).sum(0) / total
        if self.track_running_stats:
            self._track(mean.detach(), var.detach() * (total / (total - 1)).detach())
        normalised: Tensor = Normalise.apply(x, mean, var, self.weight, self.bias, self.eps)
        return normalised.to(input.dtype)

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


class Normalise(torch.autograd.Function):
    """torch's kernel of evaluation, whose gradient reaches the mean and the variance (C,) too."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mean: Tensor,
        var: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(x, mean, var, weight)
        ctx.eps = eps
        return F.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, var, weight = ctx.saved_tensors
        scale = torch.ones_like(mean) if weight is None else weight
        gx, gw, gb = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, scale, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        rate = torch.rsqrt(var + ctx.eps)
        of_weights = (None, None) if weight is None else (gw, gb)
        return gx, -scale * rate * gb, -scale * rate.square() * gw / 2, *of_weights, None


class _Gather(torch.autograd.Function):
    """Rows (n,) of all ranks as (ranks, n); a rank's row gets the gradient of all their losses."""

    @staticmethod
    def forward(ctx: Any, row: Tensor) -> Tensor:
        rows = [torch.empty_like(row) for _ in range(dist.get_world_size())]
        dist.all_gather(rows, row.contiguous())
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous()
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]


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
