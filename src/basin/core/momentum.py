"""Whether an optimizer carries a momentum, before its first step."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from basin.core.parameters import innermost, momentum_buffers


def keeps_momentum(optimizer: Any) -> bool:
    """Whether the innermost optimizer carries a momentum from one step to the next.

    Where its state comes with its first step, a copy of it takes one to show it.
    """
    core = innermost(optimizer)
    if not any(g.get("momentum", 1) and g.get("betas", (1,))[0] for g in core.param_groups):
        return False
    return any(True for _ in momentum_buffers(core if core.state else _after_a_step(core)))


def _after_a_step(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """A copy that has taken a step with a small tensor for each group; it shares no state."""
    other = object.__new__(type(optimizer))
    other.__dict__ |= optimizer.__dict__ | {"state": defaultdict(dict), "param_groups": []}
    for group in optimizer.param_groups:
        small = nn.Parameter(torch.ones(2, 2, dtype=group["params"][0].dtype, device="cpu"))
        small.grad = torch.ones_like(small)
        other.param_groups.append({**group, "params": [small], "capturable": False})
    with torch.random.fork_rng(devices=[]), torch.compiler.set_stance("force_eager"):
        other.step()
    return other
