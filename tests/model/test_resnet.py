"""ImageNet's residual networks in CIFAR form: resolutions, and depths that there are."""

import pytest
import torch

from basin.model.resnet import ResNet

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "conv_init": "default",
    "bn_weight_init": "ones",
    "linear_init": "default",
    "zero_last_bn": False,
}


@pytest.mark.parametrize(("depth", "expansion"), [(18, 1), (50, 4)])
def test_stages_halve_the_resolution_and_double_the_width(depth, expansion):
    with torch.device("meta"):
        model = ResNet(**SETTINGS, depth=depth)
        maps = model.stem(torch.empty(1, 3, 32, 32))
    shapes = []
    for stage in model.stages:
        maps = stage(maps)
        shapes.append((maps.shape[1] // expansion, maps.shape[2]))
    assert shapes == [(64, 32), (128, 16), (256, 8), (512, 4)]


def test_bottleneck_strides_in_its_3x3():
    with torch.device("meta"):
        block = ResNet(**SETTINGS, depth=50).stages[1][0]
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_impossible_depth_is_refused():
    with pytest.raises(ValueError, match="depth=20 is not one of 18, 34, 50"):
        ResNet(**SETTINGS, depth=20)


@pytest.mark.parametrize("depth", [18, 50])
def test_blocks_begin_as_their_shortcut_where_the_last_bn_is_zero(depth):
    model = ResNet(**SETTINGS | {"zero_last_bn": True}, depth=depth)
    block = model.stages[0][1].eval()
    x = torch.rand(2, block.last_norm.num_features, 4, 4)
    assert torch.equal(block(x), x)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    zeros = [norm for norm in norms if norm.weight.sum() == 0]
    assert len(zeros) == sum(len(stage) for stage in model.stages)
