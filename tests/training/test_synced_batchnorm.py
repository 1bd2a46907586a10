"""BN over ranks: what one rank computes with the statistics of all."""

import pytest
import torch
from torch.autograd import gradcheck

from basin.training.synced_batchnorm import Normalise


@pytest.mark.parametrize("affine", [True, False])
def test_gradients_reach_the_statistics(affine):
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64)
    mean, weight, bias = (torch.randn(2, dtype=torch.float64) for _ in range(3))
    given = [x, mean, torch.tensor([0.3, 2.0], dtype=torch.float64), weight, bias]
    given = [tensor.requires_grad_() for tensor in given[: 5 if affine else 3]]
    rest = [] if affine else [None, None]
    assert gradcheck(lambda *tensors: Normalise.apply(*tensors, *rest, 1e-5), given)


def test_it_is_the_batch_norm_of_one_process():
    x = torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    weight, bias = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    var, mean = torch.var_mean(x, [0, 2, 3], correction=0)
    ours = Normalise.apply(x, mean, var, weight, bias, 1e-5)
    theirs = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    direction = torch.randn_like(x)
    for one, other in zip(
        torch.autograd.grad(ours, [x, weight, bias], direction),
        torch.autograd.grad(theirs, [x, weight, bias], direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
