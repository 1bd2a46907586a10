"""BN over ranks is that of one process on the examples of all."""

import pytest
import torch
from ranks import on_ranks
from torch import distributed as dist
from torch import nn

from basin.training.synced_batchnorm import synchronised, with_synced_batchnorm

SIZES = (3, 5)
"""Examples of each rank."""


def inputs(dtype, channels_last):
    generator = torch.Generator().manual_seed(0)
    x, direction = (
        3 + torch.randn(sum(SIZES), 4, 3, 2, generator=generator, dtype=dtype) for _ in range(2)
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return x.to(memory_format=layout), direction.to(memory_format=layout)


def normed(layer, x, direction):
    """Output, gradients and buffers after a pass."""
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(direction)
    gradients = [p.grad for p in layer.parameters()]
    return [out.detach(), x.grad], gradients, list(layer.buffers())


def layer_of(affine, momentum, dtype):
    layer = nn.BatchNorm2d(4, affine=affine, momentum=momentum, dtype=dtype)
    if affine:
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([-1.0, 0.0, 0.5, 2.0]))
            layer.bias.copy_(torch.arange(4.0))
    return layer


def on_a_rank(affine, momentum, dtype, channels_last):
    layer = with_synced_batchnorm(layer_of(affine, momentum, dtype))
    own = slice(0, SIZES[0]) if dist.get_rank() == 0 else slice(SIZES[0], None)
    x, direction = inputs(dtype, channels_last)
    with synchronised([layer]):
        return normed(layer, x[own], direction[own])


@pytest.mark.parametrize(
    ("affine", "momentum", "dtype", "channels_last"),
    [
        (True, 0.1, torch.float64, False),
        (False, None, torch.float64, True),
        (True, 0.1, torch.float32, True),
    ],
)
def test_unequal_ranks_are_one_process(affine, momentum, dtype, channels_last):
    first, second = on_ranks(2, on_a_rank, affine, momentum, dtype, channels_last)
    layer = layer_of(affine, momentum, dtype)
    per_example, gradients, buffers = normed(layer, *inputs(dtype, channels_last))
    near = dict.fromkeys(("rtol", "atol"), 1e-12 if dtype == torch.float64 else 5e-5)
    for mine, others, whole in zip(first[0], second[0], per_example, strict=True):
        torch.testing.assert_close(torch.cat([mine, others]), whole, **near)
    for mine, others, whole in zip(first[1], second[1], gradients, strict=True):
        torch.testing.assert_close(mine + others, whole, **near)
    for own in (first[2], second[2]):
        torch.testing.assert_close(own, buffers, **near)
