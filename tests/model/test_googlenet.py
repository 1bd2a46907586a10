import pytest
import torch

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
