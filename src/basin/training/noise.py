"""Dropout of several networks that are computed as one: each draws from its own generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basin.core.random import generator_state, seed_generators, set_generator_state


class Noise:
    """The generators of M members, as each would have them in a pass of its own."""

    def __init__(self) -> None:
        self._device = torch.device("cpu")
        self.states: list[Tensor] = []

    def seed(self, seeds: list[int], device: torch.device) -> None:
        """Begin a pass."""
        self._device, self.states = device, []
        for seed in seeds:
            seed_generators(seed, device)
            self.states.append(generator_state(device))

    def dropped(self, member: int, features: Tensor, probability: float) -> Tensor:
        """Dropout of one member's features (B, C) or (B, C, H, W), and its generator goes on."""
        set_generator_state(self._device, self.states[member])
        result = F.dropout(features, probability)
        self.states[member] = generator_state(self._device)
        return result


class KeyedDropout(nn.Module):
    """nn.Dropout inside of torch.vmap; `noise` is that of all such layers of a network."""

    def __init__(self, probability: float, noise: Noise) -> None:
        super().__init__()
        self._probability, self._noise = probability, noise

    def forward(self, features: Tensor) -> Tensor:
        dropped: Tensor = _Dropped.apply(features, self._probability, self._noise)
        return dropped


class _Dropped(torch.autograd.Function):
    """Its batching rule is all there is: what it computes there has a gradient by itself."""

    generate_vmap_rule = False

    @staticmethod
    def forward(features: Tensor, probability: float, noise: Noise) -> Tensor:
        raise RuntimeError("dropout of members outside of torch.vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep."""

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, features: Tensor, probability: float, noise: Noise
    ) -> tuple[Tensor, int]:
        """Features with the members in some dimension -> the same with them in dimension 1."""
        last = features.ndim == 5 and features.stride(-3) == 1  # channels_last, as without vmap
        layout = torch.channels_last if last else torch.contiguous_format
        members = [
            noise.dropped(index, own.contiguous(memory_format=layout), probability)
            for index, own in enumerate(features.unbind(in_dims[0]))
        ]
        return torch.cat(members, 1).unflatten(1, (len(members), -1)), 1
