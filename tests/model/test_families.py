"""PreResNet, VGG, DenseNet, ResNeXt, Shake-Shake: what parameter counts do not show."""

import pytest
import torch
from test_model_contract import build, configuration
from torch import nn

from basin.model.densenet import DenseLayer
from basin.model.preresnet import PreActivation
from basin.model.resnext import GroupedBottleneck
from basin.model.shake_shake import SkippingShortcut


def test_a_preactivation_block_adds_its_raw_input():
    block = PreActivation(8, 8, 1, block="basic").eval()
    nn.init.zeros_(block.convolutions[-1].weight)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)


def test_a_preactivation_shortcut_sees_the_raw_input():
    block = PreActivation(4, 4, 2, block="bottleneck").eval()
    nn.init.zeros_(block.convolutions[-1].weight)
    x = torch.randn(2, 4, 4, 4)
    assert torch.equal(block(x), block.shortcut(x)) and block(x).shape == (2, 16, 2, 2)


def test_a_dense_layer_keeps_its_input_and_adds_growth():
    x = torch.randn(2, 6, 4, 4)
    out = DenseLayer(6, 3, bottleneck=True, dropout=0.0)(x)
    assert out.shape == (2, 9, 4, 4) and torch.equal(out[:, :6], x)


def test_a_grouped_bottleneck_mixes_no_groups_in_its_3x3():
    block = GroupedBottleneck(8, 8, 1, inner=4, cardinality=2)
    assert block.conv2.weight.shape == (4, 2, 3, 3)


def test_the_skipping_shortcut_reads_every_second_pixel_and_its_diagonal_neighbour():
    shortcut = SkippingShortcut(1, 2, 2).eval()
    for conv in (shortcut.conv1, shortcut.conv2):
        nn.init.ones_(conv.weight)
    shortcut.bn = nn.Identity()
    x = torch.arange(1.0, 17.0).view(1, 1, 4, 4)
    out = shortcut(x)[0]
    assert out[0].tolist() == [[1, 3], [9, 11]] and out[1].tolist() == [[6, 8], [14, 16]]


def test_vgg_in_evaluation_does_not_drop():
    model = build("vgg16").eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(model(images), model(images))
    assert not torch.equal(model.train()(images), model(images))


@pytest.mark.parametrize(
    ("option", "changes", "said"),
    [
        ("preresnet110", {"depth": 108}, "depth=108 is not 9n [+] 2, as block=bottleneck needs"),
        ("preresnet20", {"depth": 19}, "depth=19 is not 6n [+] 2, as block=basic needs"),
        ("preresnet20", {"block": "wide"}, "block='wide' is not one of basic, bottleneck"),
        ("vgg16", {"head": "two"}, "head='two' is not one of three_linear, linear"),
        ("vgg16", {"width": 0.001}, "width=0.001 leaves no channels"),
        ("densenet", {"growth": 0}, "growth=0, stem=24 must all be 1 or more"),
        ("densenet", {"compression": 0}, "compression=0 must be above 0"),
        ("resnext", {"depth": 28}, "depth=28 is not 9n [+] 2"),
        ("resnext", {"cardinality": 0}, "cardinality=0"),
        ("shake_shake", {"depth": 27}, "depth=27 is not 6n [+] 2"),
        ("shake_shake", {"base_width": 1}, "base_width=1 must be 2"),
    ],
)
def test_bad_sizes_are_refused(option, changes, said):
    from hydra.utils import get_object

    settings = {k: v for k, v in configuration(option).items() if k[0] != "_"}
    settings.pop("channels_last")
    with pytest.raises(ValueError, match=said):
        get_object(configuration(option)["_target_"])(
            num_classes=10, in_channels=3, **{**settings, **changes}
        )


def test_images_too_small_for_vgg_are_refused():
    with pytest.raises(ValueError, match="16 x 16 pixels are too small"):
        build("vgg16")(torch.randn(2, 3, 16, 16))
