import pytest
import torch
import torch.nn.functional as F

from basin.model.googlenet import GoogLeNet, Inception

FIELDS = {
    "num_classes": 10,
    "in_channels": 3,
    "stem": "one",
    "dropout": 0.4,
    "conv_init": "default",
    "bn_weight_init": "ones",
    "linear_init": "default",
}


def test_an_inception_module_concatenates_its_four_branches():
    module = Inception(6, (3, 2, 4, 2, 5, 7)).eval()
    x = torch.rand(2, 6, 8, 8)
    y = module(x)
    assert module.channels == 19 and y.shape == (2, 19, 8, 8)
    pooled = torch.nn.functional.max_pool2d(x, 3, 1, padding=1)
    assert torch.equal(y[:, :3], module.branches[0](x))
    assert torch.equal(y[:, 12:], module.branches[3][1](pooled))


def by_hand(layers, x):
    """Convolution padded to keep the size, BN of the minibatch, ReLU; for each (conv, bn)."""
    for conv, bn in layers:
        side = conv.weight.shape[-1]
        x = F.conv2d(x, conv.weight, conv.bias, padding=side // 2)
        x = F.batch_norm(x, None, None, bn.weight, bn.bias, training=True, eps=1e-5).relu()
    return x


def layers_of(branch):
    layers = [m for m in branch.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.BatchNorm2d))]
    return list(zip(layers[::2], layers[1::2], strict=True))


def test_branches_are_units_of_these_kernels():
    torch.manual_seed(0)
    module = Inception(6, (3, 2, 4, 2, 5, 7)).double().train()
    x = torch.randn(3, 6, 8, 8, dtype=torch.float64)
    branches = [layers_of(branch) for branch in module.branches]
    kernels = [[conv.kernel_size[0] for conv, _ in layers] for layers in branches]
    assert kernels == [[1], [1, 3], [1, 3, 3], [1]]
    inputs = [x, x, x, F.max_pool2d(x, 3, 1, padding=1)]
    expected = torch.cat([by_hand(*pair) for pair in zip(branches, inputs, strict=True)], 1)
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)


def test_stages_follow_3x3_maximum_pooling():
    network = GoogLeNet(**FIELDS).eval()
    maps = {}
    for index, stage in enumerate(network.stages):
        stage.register_forward_hook(
            lambda m, i, out, index=index: maps.update({index: (i[0], out)})
        )
    network(torch.rand(1, 3, 16, 16))
    for index in (1, 2):
        windows = F.unfold(maps[index - 1][1].transpose(0, 1), 3, padding=1, stride=2)
        expected = windows.amax(1)  # the maps are not negative, so zeros may pad them
        assert torch.equal(maps[index][0].flatten(), expected.flatten())


def test_maps_are_halved_twice_and_dropped_whole():
    network = GoogLeNet(**FIELDS).train()
    seen = []
    network.stages[2].register_forward_hook(lambda m, i, out: seen.append(out.shape))
    features = []
    network.linear.register_forward_pre_hook(lambda m, i: features.append(i[0]))
    network(torch.rand(2, 3, 32, 32))
    assert seen == [(2, 1024, 8, 8)]
    assert 0.3 < (features[0] == 0).float().mean() < 0.5


def test_what_it_refuses():
    with pytest.raises(ValueError, match="stem='two' is not one of one, three"):
        GoogLeNet(**{**FIELDS, "stem": "two"})
