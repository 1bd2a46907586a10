"""Networks of one kind and different weights as one function of all their parameters.

torch.vmap makes a convolution of M members one of M groups, and a linear layer a batched product.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from basin.core.batchnorm import RunningStatistics
from basin.training.noise import KeyedDropout, Noise
from basin.training.stacked_batchnorm import stacked


def skeleton(model: nn.Module, noise: Noise) -> nn.Module:
    """A copy in training mode without numbers, whose dropout draws from `noise`."""
    bare = copy.deepcopy(model).to("meta")
    for parent in [*bare.modules()]:
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, KeyedDropout(child.p, noise) if child.p else nn.Identity())
            elif type(child) is nn.BatchNorm2d and child.momentum is not None:
                setattr(parent, name, stacked(child))
    return bare.train()


class Stacked:
    """The parameters and buffers of M networks, one network behind the other.

    Their own tensors stay where they are: `take_` copies from them, `give_back_` to them.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models, self.noise = [*models], Noise()
        self._bare = skeleton(models[0], self.noise)
        self._statistics = RunningStatistics(self._bare)
        self._parameters = _Rows([dict(model.named_parameters()) for model in models])
        self._buffers = _Rows([dict(model.named_buffers()) for model in models])
        own = dict(models[0].named_parameters())
        self._leaves = {  # of the same memory as the rows
            name: rows.detach().requires_grad_(own[name].requires_grad)
            for name, rows in self._parameters.stacked.items()
        }

    def take_(self) -> None:
        """Begin with the members' present weights, and no gradients."""
        self._parameters.take_()
        self._buffers.take_()
        for leaf in self._leaves.values():
            leaf.grad = None

    def __call__(self, images: Sequence[Tensor], *, track_stats: bool) -> Tensor:
        """Logits (M, B, K) of each member's images (B, C, H, W)."""

        def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
            logits: Tensor = functional_call(self._bare, (parameters, buffers), (x,))
            return logits

        together = torch.cat([*images], 1).unflatten(1, (len(images), -1))  # (B, M, C, H, W)
        state = self._leaves, self._buffers.stacked
        if track_stats:
            logits: Tensor = torch.vmap(forward, (0, 0, 1))(*state, together)
            return logits
        with self._statistics.still():
            return torch.vmap(forward, (0, 0, 1))(*state, together)

    def give_back_(self) -> None:
        """Each member's gradients in its own `p.grad`, and its buffers."""
        self._buffers.give_back_()
        for name, leaf in self._leaves.items():
            if leaf.grad is not None:
                for own, gradient in zip(self._parameters.own[name], leaf.grad, strict=True):
                    own.grad = gradient


class _Rows:
    """Tensors of M members by name, and one of M rows for each name; a row is laid out as they."""

    def __init__(self, members: Sequence[dict[str, Tensor]]) -> None:
        self.own = {name: [member[name] for member in members] for name in members[0]}
        self.stacked = {name: _empty(tensors) for name, tensors in self.own.items()}
        self._pairs: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}  # rows and own
        for name, tensors in self.own.items():
            rows, own = self._pairs.setdefault(tensors[0].dtype, ([], []))
            rows += self.stacked[name].unbind()
            own += [one.detach() for one in tensors]

    @torch.no_grad()
    def take_(self) -> None:
        for rows, own in self._pairs.values():
            torch._foreach_copy_(rows, own)

    @torch.no_grad()
    def give_back_(self) -> None:
        for rows, own in self._pairs.values():
            torch._foreach_copy_(own, rows)


def _empty(tensors: Sequence[Tensor]) -> Tensor:
    row = torch.empty_like(tensors[0])
    size, stride = (len(tensors), *row.shape), (row.numel(), *row.stride())
    return torch.empty_strided(size, stride, dtype=row.dtype, device=row.device)
