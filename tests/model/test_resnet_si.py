"""Blocks of ResNet18SI; what it has in common with ConvNetSI is in test_convnet_si."""

import torch
import torch.nn.functional as F

from basin.model.resnet_si import PreActivationSI


def normalised(x):
    return F.batch_norm(x, None, None, training=True)


def test_the_shortcut_normalises_the_activated_input_before_its_convolution():
    torch.manual_seed(0)
    block = PreActivationSI(4, 8, 2, affine=False).double()
    x = torch.randn(5, 4, 6, 6, dtype=torch.float64)
    a = F.relu(normalised(x))
    residual = F.conv2d(a, block.conv1.weight, stride=2, padding=1)
    residual = F.conv2d(F.relu(normalised(residual)), block.conv2.weight, padding=1)
    shortcut = F.conv2d(normalised(a), block.shortcut[1].weight, stride=2)
    torch.testing.assert_close(block(x), residual + shortcut, rtol=1e-11, atol=1e-12)


def test_an_equal_shape_block_adds_its_raw_input():
    block = PreActivationSI(4, 4, 1, affine=True)
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.randn(5, 4, 6, 6)
    assert torch.equal(block(x), x)
