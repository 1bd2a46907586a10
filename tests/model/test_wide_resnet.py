"""Wide residual networks: one block by hand, and each switch changes what it says."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.wide_resnet import WideBlock, WideResNet

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "depth": 10,
    "width": 2,
    "dropout": 0.0,
    "conv_bias": False,
    "stride_position": "first",
    "shortcut": "convolution",
    "shortcut_input": "activated",
    "final_bn_momentum": 0.1,
    "conv_init": "fan_in",
    "bn_weight_init": "uniform",
    "linear_init": "uniform_fan_in_zero_bias",
}


def normalised(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)


def block_by_hand(w, x, stride, dropout, position, shortcut_input):
    """04-wrn: a = relu(bn(x)); y = conv(a); y = dropout(relu(bn(y))); y = conv(y); y + shortcut."""
    first, second = (stride, 1) if position == "first" else (1, stride)
    a = F.relu(normalised(x, w["bn1.weight"], w["bn1.bias"]))
    y = F.conv2d(a, w["conv1.weight"], w.get("conv1.bias"), first, padding=1)
    y = F.relu(normalised(y, w["bn2.weight"], w["bn2.bias"]))
    y = F.dropout(y, dropout)
    y = F.conv2d(y, w["conv2.weight"], w.get("conv2.bias"), second, padding=1)
    if "projection.weight" not in w:
        return y + x
    source = a if shortcut_input == "activated" else x
    return y + F.conv2d(source, w["projection.weight"], w.get("projection.bias"), stride)


@pytest.mark.parametrize("position", ["first", "second"])
@pytest.mark.parametrize("shortcut_input", ["activated", "raw"])
@pytest.mark.parametrize(
    ("channels", "stride", "bias"), [(6, 2, False), (6, 1, True), (4, 1, False)]
)
def test_block_equals_the_papers(position, shortcut_input, channels, stride, bias):
    torch.manual_seed(0)
    block = WideBlock(
        in_channels=4,
        channels=channels,
        stride=stride,
        dropout=0.4,
        conv_bias=bias,
        stride_position=position,
        shortcut="convolution",
        projects_activated=shortcut_input == "activated",
    ).double()
    for p in block.parameters():
        torch.nn.init.normal_(p)
    x = torch.randn(3, 4, 8, 8, dtype=torch.float64)
    weights = dict(block.named_parameters())
    torch.manual_seed(1)
    expected = block_by_hand(weights, x, stride, 0.4, position, shortcut_input)
    torch.manual_seed(1)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_network_pools_the_activated_maps_of_its_stages():
    torch.manual_seed(0)
    model = WideResNet(**SETTINGS).double()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    maps = model.stages(model.stem(images))
    assert maps.shape == (2, 128, 8, 8)
    features = F.relu(normalised(maps, model.bn.weight, model.bn.bias)).mean((2, 3))
    torch.testing.assert_close(model(images), model.linear(features), rtol=1e-12, atol=1e-12)


def test_stem_and_identity_blocks_have_no_projection_and_width_one_starts_without():
    wide, narrow = WideResNet(**SETTINGS), WideResNet(**SETTINGS | {"width": 1, "depth": 16})
    assert [stage[0].projection is None for stage in wide.stages] == [False, False, False]
    assert [stage[0].projection is None for stage in narrow.stages] == [True, False, False]
    assert all(stage[1].projection is None for stage in narrow.stages)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = WideResNet(**SETTINGS | {"dropout": 0.5})
    images = torch.randn(2, 3, 8, 8)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_momentum_of_the_last_batchnorm_alone():
    model = WideResNet(**SETTINGS | {"final_bn_momentum": 0.9})
    others = {
        layer.momentum for name, layer in model.named_modules() if name.endswith(("bn1", "bn2"))
    }
    assert (model.bn.momentum, others) == (0.9, {0.1})


def test_conv_bias_gives_every_convolution_one():
    for bias in (True, False):
        model = WideResNet(**SETTINGS | {"conv_bias": bias})
        convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        assert all((m.bias is not None) == bias for m in convolutions)


@pytest.mark.parametrize("depth", [4, 9, 20, 27])
def test_impossible_depth_is_refused(depth):
    with pytest.raises(ValueError, match=f"depth={depth} is not 6n"):
        WideResNet(**SETTINGS | {"depth": depth})


@pytest.mark.parametrize(
    "switch",
    ["stride_position", "shortcut", "shortcut_input", "conv_init", "bn_weight_init", "linear_init"],
)
def test_unknown_switch_position_is_refused(switch):
    with pytest.raises(ValueError, match=f"{switch}='sideways' is not one of"):
        WideResNet(**SETTINGS | {switch: "sideways"})


def test_padded_shortcuts_pool_and_add_zero_channels():
    """SAM's: the first block's input is activated before it branches, the others' is not."""
    model = WideResNet(**SETTINGS | {"shortcut": "padded", "shortcut_input": "first_activated"})
    first, second, _ = (stage[0] for stage in model.stages)
    x = torch.randn(2, 32, 8, 8)
    padded = second.projection(x)
    assert torch.equal(padded[:, :32], F.avg_pool2d(x, 2)) and not padded[:, 32:].any()
    assert padded.shape == (2, 64, 4, 4)
    assert model(torch.randn(2, 3, 9, 7)).shape == (2, 10)  # odd sizes round up, as strides do
    assert first.projects_activated and not second.projects_activated
    assert not list(first.projection.parameters())
