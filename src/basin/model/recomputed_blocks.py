"""Activation checkpointing of whole blocks (Chen et al. 2016, arXiv:1604.06174)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from basin.core.gates import Gate
from basin.core.sampled import Sampled
from basin.model.recomputation import recomputed


def recompute_blocks_(network: nn.Module) -> None:
    """Let every block keep its inputs alone for backward, which computes the rest again.

    A block is a layer of layers in a sequence or a list: of a ResNet one with its shortcut.
    Weights, their names and all results stay as they are; dropout draws the same numbers again.
    Raises ValueError as `recomputable` does.
    """
    for block in recomputable(network):
        kind: Any = type(block)
        block.__class__ = _recomputing(kind)


def recomputable(network: nn.Module) -> list[nn.Module]:
    """The blocks; ValueError where there is none, or a pass cannot be repeated."""
    for module in network.modules():
        if isinstance(module, (Gate, Sampled)):
            raise ValueError(
                f"runtime.recompute=true: {type(module).__name__} draws numbers of its own in every"
                " pass, which another pass would not repeat; take micro_batch for less memory"
            )
    found = [*blocks(network)]
    if not found:
        raise ValueError(
            f"runtime.recompute=true: {type(network).__name__} has no blocks that could be computed"
            " again; take micro_batch for less memory"
        )
    return found


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost blocks of a network."""
    sequence = isinstance(module, (nn.Sequential, nn.ModuleList))
    for child in module.children():
        layers = [*child.children()]
        if sequence and layers and not isinstance(child, (nn.Sequential, nn.ModuleList)):
            yield child
        else:
            yield from blocks(child)


@cache
def _recomputing(kind: Any) -> Any:
    """A class of blocks, computing again."""

    def forward(self: nn.Module, *inputs: Any) -> Any:
        plain = partial(kind.forward, self)
        if not (self.training and torch.is_grad_enabled()):
            return plain(*inputs)
        norms = [m for m in self.modules() if isinstance(m, _BatchNorm)]
        return recomputed(plain, *inputs, norms=norms, draws=True)

    return type(kind.__name__, (kind,), {"forward": forward})
