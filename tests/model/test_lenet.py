"""LeNet by hand, its size for MNIST, and its switches."""

import pytest
import torch
import torch.nn.functional as F

from basin.model.lenet import LeNet

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "size": 32,
    "channels": [20, 50],
    "hidden": 500,
    "batch_norm": False,
    "dropout": 0.0,
}


def built(**changes):
    torch.manual_seed(0)
    return LeNet(**SETTINGS | changes)


def images(size=32):
    return torch.randn(2, 3, size, size, dtype=torch.float64)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_lenet_for_mnist_is_20_50_500():
    model = built(in_channels=1, size=28)
    sizes = (20 * 26) + (50 * (20 * 25 + 1)) + (500 * (50 * 16 + 1)) + 10 * 501
    assert count(model) == sizes == 431080


def test_lenet_by_hand():
    model = built().double()
    w = [*model.parameters()]
    x = images()
    y = F.max_pool2d(F.conv2d(x, w[0], w[1]), 2).clamp(min=0)
    y = F.max_pool2d(F.conv2d(y, w[2], w[3]), 2).clamp(min=0).reshape(2, -1)
    y = (y @ w[4].T + w[5]).clamp(min=0) @ w[6].T + w[7]
    torch.testing.assert_close(model(x), y, rtol=1e-11, atol=1e-11)


def test_lenets_switches():
    normal = built(batch_norm=True)
    norms = [m for m in normal.modules() if hasattr(m, "running_mean")]
    assert [m.num_features for m in norms] == [20, 50, 500]
    dropping = built(dropout=0.5)
    x = torch.randn(2, 3, 32, 32)
    assert not torch.equal(dropping(x), dropping(x))
    dropping.eval()
    assert torch.equal(dropping(x), dropping(x))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 15}, "size=15 pixels are too few for LeNet"),
        ({"channels": [20]}, r"channels=\[20\] must be two numbers"),
        ({"hidden": 0}, "hidden=0 one"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        built(**changes)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"model.size=32 is not the side of images of 16 x 32"):
        built()(torch.randn(2, 3, 16, 32))
