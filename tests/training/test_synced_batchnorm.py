"""BN over ranks is that of one process on the examples of all."""

import pytest
import torch
from ranks import on_ranks
from torch import distributed as dist
from torch import nn

from basin.training.synced_batchnorm import synchronised, with_synced_batchnorm

LAYERS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
"""By the axes of their input."""


def inputs(shape, dtype, channels_last):
    generator = torch.Generator().manual_seed(0)
    x, direction = (3 + torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return x.to(memory_format=layout), direction.to(memory_format=layout)


def normed(layer, x, direction):
    """Output, gradients and buffers after a pass."""
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(direction)
    gradients = [p.grad for p in layer.parameters()]
    return [out.detach(), x.grad], gradients, list(layer.buffers())


def layer_of(shape, affine, momentum, dtype):
    layer = LAYERS[len(shape)](4, affine=affine, momentum=momentum, dtype=dtype)
    if affine:
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([-1.0, 0.0, 0.5, 2.0]))
            layer.bias.copy_(torch.arange(4.0))
    return layer


def on_a_rank(sizes, shape, affine, momentum, dtype, channels_last):
    layer = with_synced_batchnorm(layer_of(shape, affine, momentum, dtype))
    own = slice(0, sizes[0]) if dist.get_rank() == 0 else slice(sizes[0], None)
    x, direction = inputs(shape, dtype, channels_last)
    with synchronised([layer]):
        return normed(layer, x[own], direction[own])


@pytest.mark.parametrize(
    ("sizes", "shape", "affine", "momentum", "dtype", "channels_last"),
    [
        ((3, 5), (8, 4, 3, 2), True, 0.1, torch.float64, False),
        ((3, 5), (8, 4, 3, 2), False, None, torch.float64, True),
        ((3, 5), (8, 4, 3, 2), True, 0.1, torch.float32, True),
        ((1, 5), (6, 4), True, 0.1, torch.float64, False),
        ((1, 3), (4, 4, 2, 1, 3), True, 0.1, torch.float64, False),
    ],
)
def test_unequal_ranks_are_one_process(sizes, shape, affine, momentum, dtype, channels_last):
    rest = (shape, affine, momentum, dtype)
    first, second = on_ranks(2, on_a_rank, sizes, *rest, channels_last)
    layer = layer_of(*rest)
    per_example, gradients, buffers = normed(layer, *inputs(shape, dtype, channels_last))
    near = dict.fromkeys(("rtol", "atol"), 1e-12 if dtype == torch.float64 else 5e-5)
    for mine, others, whole in zip(first[0], second[0], per_example, strict=True):
        torch.testing.assert_close(torch.cat([mine, others]), whole, **near)
    for mine, others, whole in zip(first[1], second[1], gradients, strict=True):
        torch.testing.assert_close(mine + others, whole, **near)
    for own in (first[2], second[2]):
        torch.testing.assert_close(own, buffers, **near)


def twice_differentiated():
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    layer = with_synced_batchnorm(nn.BatchNorm1d(2, dtype=torch.float64))
    with synchronised([layer]):
        (once,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    try:
        once.sum().backward()
    except RuntimeError as error:
        return str(error)
    return "no error"


def test_a_second_derivative_is_refused():
    for said in on_ranks(2, twice_differentiated):
        assert "differentiate twice" in said


def halved():
    layer = with_synced_batchnorm(nn.BatchNorm1d(4))
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(dist.get_rank()))
    with synchronised([layer]):
        return layer(x), layer(x.to(torch.bfloat16))


def test_short_floats_are_normalised_as_float32():
    for exact, short in on_ranks(2, halved):
        assert short.dtype == torch.bfloat16
        torch.testing.assert_close(short.float(), exact, rtol=0, atol=0.05)
