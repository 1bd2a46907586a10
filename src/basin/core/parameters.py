"""Lists of tensors: decay groups, momentum buffers, foreach arithmetic over what has a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from basin.core.protocols import Batches, Optimizer, Parameters

DECAY = ("all", "no_bias", "weights_only")
MOMENTUM_KEYS = (
    *("momentum_buffer", "momentum_odd", "momentum_even", "exp_avg", "velocity"),
    "momentum",  # sgdp of timm
)
"""Names under which an optimizer's per-parameter state holds a momentum (first moment)."""
MEMORY = ("step", "last_lr", "momentum_resets")
"""Fields of a param group that an optimizer writes as it goes: state, and no settings."""


def decays(name: str, parameter: Tensor, decay: str) -> bool:
    """Whether weight decay acts: on `all`, on all but `*.bias`, or on tensors with ndim > 1."""
    if decay not in DECAY:
        raise ValueError(f"decay={decay!r} is not one of {', '.join(DECAY)}")
    if decay == "all":
        return True
    return parameter.ndim > 1 if decay == "weights_only" else not name.endswith("bias")


def parameter_groups(model: nn.Module, decay: str) -> Parameters:
    """One group of decayed parameters and, where some are spared, one with weight_decay 0.

    The latter has `spared` true, which a weight decay of 0 alone does not say.
    """
    decayed: list[Tensor] = []
    spared: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (decayed if decays(name, parameter, decay) else spared).append(parameter)
    groups: Parameters = [{"params": decayed}] if decayed else []
    return groups + ([{"params": spared, "weight_decay": 0.0, "spared": True}] if spared else [])


def group_parameters(optimizer: Optimizer) -> list[Tensor]:
    """Every parameter of every group, in order."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradients there are; a parameter that took no part has none."""
    return [p.grad for p in parameters if p.grad is not None]


def taking_part(optimizer: Any, group: dict[str, Any], *names: str) -> tuple[list[Tensor], ...]:
    """The group's parameters that have a gradient, their gradients, and their states by name."""
    weights = [p for p in group["params"] if p.grad is not None]
    states = ([optimizer.state[p][name] for p in weights] for name in names)
    return weights, gradients(weights), *states


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm over all tensors jointly, 0-d, on their device."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(tensors))))


def angle_degrees(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Angle of two lists of tensors, each as one vector; 0-d. A vector of 0 is at 90 degrees."""
    cosine = dot(left, right) / (norm(left) * norm(right) + 1e-8)
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))


def dot(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Inner product over all tensors jointly, 0-d, on their device."""
    return torch.stack([p.sum() for p in torch._foreach_mul(list(left), list(right))]).sum()


def fused(groups: Parameters) -> bool:
    """Whether torch's fused update kernels serve these parameters."""
    parameters = [p for group in groups for p in group["params"]]
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)


class Wrapping:
    """Marks an optimizer that owns a base optimizer."""

    base: Any


class Predicting:
    """Marks a model or an optimizer that has solutions beside the live weights."""

    def predictors(self, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
        """(name, module) of each; as an averager's."""
        raise NotImplementedError


class Following:
    """Marks an optimizer that keeps weights of its own beside the live ones."""

    def follow_(self) -> None:
        """Take the live weights over, which something else has written."""
        raise NotImplementedError


def levels(optimizer: Any) -> Iterator[Any]:
    """The optimizers of a nest, the outermost first; a wrapper owns the next as `base`."""
    yield optimizer
    while isinstance(optimizer, Wrapping):
        optimizer = optimizer.base
        yield optimizer


def take_over_(optimizer: Any) -> None:
    """Let every level that keeps weights of its own take over the live ones."""
    for level in levels(optimizer):
        if isinstance(level, Following):
            level.follow_()


def innermost(optimizer: Any) -> Any:
    """The optimizer at the core of any nest of wrappers."""
    *_, core = levels(optimizer)
    return core


def momentum_buffers(optimizer: Any) -> Iterator[Tensor]:
    """Every momentum of the innermost optimizer; before its first step some of torch have none."""
    for state in innermost(optimizer).state.values():
        for key in MOMENTUM_KEYS:
            if isinstance(state.get(key), Tensor):
                yield state[key]


@torch.no_grad()
def reset_momentum_(optimizer: Any) -> None:
    """Set every momentum to zero, and count it for those who keep a copy (`momentum_resets`)."""
    for group in optimizer.param_groups:
        group["momentum_resets"] = group.get("momentum_resets", 0) + 1
    buffers = list(momentum_buffers(optimizer))
    if buffers:
        torch._foreach_zero_(buffers)


def momentum_resets(optimizer: Any) -> int:
    """How often `reset_momentum_` has set them to zero, whoever asked for it."""
    return sum(group.get("momentum_resets", 0) for group in optimizer.param_groups)
