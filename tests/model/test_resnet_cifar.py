"""Narrow residual networks for CIFAR: the two shortcuts."""

import pytest
import torch

from basin.model.resnet_cifar import PaddedShortcut, ResNetCifar

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "shortcut": "A",
    "survival": 1.0,
    "conv_init": "fan_in",
    "bn_weight_init": "ones",
    "linear_init": "kaiming",
}


@pytest.mark.parametrize(("depth", "parameters"), [(20, 272_474), (110, 1_730_714)])
def test_projection_shortcuts_have_parameters(depth, parameters):
    model = ResNetCifar(**SETTINGS | {"shortcut": "B"}, depth=depth)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_padded_shortcut_takes_every_second_pixel_between_zero_channels():
    x = torch.arange(32.0).reshape(1, 2, 4, 4) + 1
    y = PaddedShortcut(2, 4, 2)(x)
    assert y.shape == (1, 4, 2, 2)
    assert not y[:, [0, 3]].any()
    assert y[0, 1].tolist() == [[1, 3], [9, 11]]
    assert y[0, 2].tolist() == [[17, 19], [25, 27]]


def test_block_adds_before_the_last_relu():
    block = ResNetCifar(**SETTINGS, depth=8).stages[0][0].eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(block(x), x.relu())


@pytest.mark.parametrize("change", [{"depth": 18}, {"depth": 2}, {"depth": 20, "shortcut": "C"}])
def test_impossible_settings_are_refused(change):
    with pytest.raises(ValueError, match="is not"):
        ResNetCifar(**SETTINGS | change)
