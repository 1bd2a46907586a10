"""Lists of tensors as one vector and back, in any memory format."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of the tensors, in order (P,)."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def pieces(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A vector (P,) cut into tensors of the given shapes."""
    parts = vector.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like, strict=True)]


def weights_of(network: nn.Module) -> Tensor:
    """Every parameter of a network as one vector (P,), float64."""
    return flat([*network.parameters()]).double()


@torch.no_grad()
def put_(network: nn.Module, weights: Tensor) -> nn.Module:
    """Overwrite every parameter of a network by a vector (P,); returns the network."""
    parameters = [*network.parameters()]
    for parameter, piece in zip(parameters, pieces(weights, parameters), strict=True):
        parameter.copy_(piece)
    return network
