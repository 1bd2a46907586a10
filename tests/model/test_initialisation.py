"""Initial weights: each switch gives the distribution that it names."""

import pytest
import torch
from torch import nn

from basin.model.initialisation import initialise_


def layers(*, conv_init="default", bn_weight_init="ones", linear_init="default"):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(64, 128, 3), nn.BatchNorm2d(20_000), nn.Linear(400, 500))
    return initialise_(
        model, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init=linear_init
    )


@pytest.mark.parametrize(("conv_init", "fan"), [("fan_in", 64 * 9), ("fan_out", 128 * 9)])
def test_normal_convolutions(conv_init, fan):
    conv = layers(conv_init=conv_init)[0]
    assert conv.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.01)
    assert conv.weight.abs().max() > 3 * conv.weight.std()  # tails: not uniform
    assert not conv.bias.any()


def test_framework_defaults_are_left_as_torch_makes_them():
    torch.manual_seed(0)
    conv, bn, linear = nn.Conv2d(64, 128, 3), nn.BatchNorm2d(20_000), nn.Linear(400, 500)
    for ours, theirs in zip(layers(), (conv, bn, linear), strict=True):
        assert torch.equal(ours.weight, theirs.weight)
        assert torch.equal(ours.bias, theirs.bias)


def test_batchnorm_scales():
    assert torch.equal(layers(bn_weight_init="ones")[1].weight, torch.ones(20_000))
    uniform = layers(bn_weight_init="uniform")[1]
    assert 0 <= uniform.weight.min() < 0.001 < 0.999 < uniform.weight.max() <= 1
    assert uniform.weight.mean().item() == pytest.approx(0.5, abs=0.01)
    assert not uniform.bias.any()


def test_linear_layers():
    lua = layers(linear_init="uniform_fan_in_zero_bias")[2]
    assert lua.weight.abs().max().item() == pytest.approx(400**-0.5, rel=1e-3)
    assert not lua.bias.any()
    kaiming = layers(linear_init="kaiming")[2]
    assert kaiming.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.01)
    assert not kaiming.bias.any()
