"""What KOALA-V and KOALA-M share: a Kalman filter of the loss, block by block of the weights.

Davtyan, Sameni, Cerkezi, Meishvili, Bielski and Favaro 2022 (arXiv:2107.03331); where the paper's
formulas are not at hand, by the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from basin.core.parameters import taking_part
from basin.core.protocols import Parameters
from basin.optimizer.ranges import at_least_0
from basin.optimizer.ranks import mean_over_ranks

SMALLEST = 1e-9
"""Gradient norm below which a block is left alone."""
SHARE = 0.1
"""Of the newest number in the running means of R and Q."""


class Block:
    """The parameters of all groups that have a gradient; a block is one tensor."""

    def __init__(self, optimizer: torch.optim.Optimizer, names: tuple[str, ...]) -> None:
        groups = optimizer.param_groups
        parts = [taking_part(optimizer, group, *names) for group in groups]
        columns = ([t for part in column for t in part] for column in zip(*parts, strict=True))
        self.weights, self.gradients, *self.states = columns
        nums = [len(part[0]) for part in parts]
        self.lrs = _spread(groups, "lr", nums)  # (blocks,)
        self.decays = _spread(groups, "weight_decay", nums)  # (blocks,)
        self.decayed = self.gradients  # g + wd w
        if self.weights and any(group["weight_decay"] for group in groups):
            pairs = zip(groups, nums, strict=True)
            decays = [group["weight_decay"] for group, num in pairs for _ in range(num)]
            self.decayed = list(torch._foreach_mul(self.weights, decays))
            torch._foreach_add_(self.decayed, self.gradients)

    def squares(self, tensors: list[Tensor]) -> Tensor:
        """Squared norm of each, (blocks,), in the filter's dtype."""
        norms = torch.stack(torch._foreach_norm(tensors))
        return norms.to(self.decays.dtype).square()

    def risks(self, loss: Tensor) -> Tensor:
        """L + wd |w|^2 / 2 of each block."""
        return loss.to(self.decays.dtype) + 0.5 * self.decays * self.squares(self.weights)

    def add_(self, targets: list[Tensor], factors: Tensor, directions: list[Tensor]) -> None:
        """targets_i += factors_i directions_i."""
        each = factors.to(targets[0].dtype).unbind()
        torch._foreach_addcmul_(targets, directions, list(each))


class Koala(torch.optim.Optimizer):
    """Groups with lr and weight_decay, and a filter of a few numbers in float64.

    r: the variance of the loss's error, or None for a running second moment that begins at 1.
    """

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        weight_decay: float,
        r: float | None,
        filtered: dict[str, Any],
    ) -> None:
        at_least_0(lr=lr, weight_decay=weight_decay)
        if r is not None:
            at_least_0(r=r)
        fields = {"lr": lr, "weight_decay": weight_decay, "filtered_weight_decay": True}
        super().__init__(params, fields)
        first = self.param_groups[0]["params"][0]
        filtered = {**filtered, "r": 1.0 if r is None else r}
        self.filter = {k: first.new_tensor(v, dtype=exact(first)) for k, v in filtered.items()}
        self._measures = r is None

    def _measure(self, losses: Tensor) -> Tensor:
        """R after the losses (B,) of this minibatch: their mean square enters, not a variance."""
        r = self.filter["r"]
        if self._measures:
            r.mul_(1 - SHARE).add_(SHARE * mean_over_ranks(losses.to(r.dtype).square()))
        return r

    def state_dict(self) -> dict[str, Any]:
        """torch's, and the filter."""
        return {**super().state_dict(), "filter": dict(self.filter)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        filtered = state_dict["filter"]
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "filter"})
        for name, value in self.filter.items():
            value.copy_(filtered[name])


def _spread(groups: list[dict[str, Any]], field: str, nums: Sequence[int]) -> Tensor:
    """The groups' values, each `num` times; filled on the device: a copy would wait for it."""
    first = groups[0]["params"][0]
    pieces = zip(groups, nums, strict=True)
    return torch.cat([first.new_full((n,), g[field], dtype=exact(first)) for g, n in pieces])


def exact(tensor: Tensor) -> torch.dtype:
    """float64 where the device has it."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64
