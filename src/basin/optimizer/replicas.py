"""Copies of one network: drawn apart, how far they are apart, their mean and their ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from basin.core.parameters import norm


@torch.no_grad()
def shuffle_(model: nn.Module) -> None:
    """Permute the numbers of each parameter: another draw, where they were drawn independently."""
    for p in model.parameters():
        order = torch.randperm(p.numel(), device="cpu").to(p.device)
        p.copy_(p.flatten()[order].view(p.shape))


def squared_distance(models: Sequence[nn.Module], centre: nn.Module) -> Tensor:
    """Mean over models of |w - centre|^2, 0-d."""
    at = [p.detach() for p in centre.parameters()]
    squares = [
        norm(list(torch._foreach_sub([p.detach() for p in m.parameters()], at))).square()
        for m in models
    ]
    return torch.stack(squares).mean()


@torch.no_grad()
def write_mean_(models: Sequence[nn.Module], centre: nn.Module) -> None:
    """The models' mean into `centre`, buffers included; of integers it is rounded up."""
    at = [*centre.parameters(), *centre.buffers()]
    columns = zip(*([*m.parameters(), *m.buffers()] for m in models), strict=True)
    for mean, values in zip(at, columns, strict=True):
        together = torch.stack([v.detach() for v in values])
        if mean.is_floating_point():
            mean.copy_(together.mean(0))
        else:
            mean.copy_(-(-together.sum(0) // len(values)))


class MeanLogits(nn.Module):
    """The mean of several models' logits."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.passes = len(models)  # forward passes of one prediction

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([model(images) for model in self.models]).mean(0)  # (B, K)
