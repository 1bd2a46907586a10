"""ConvNetSI and, as a whole, ResNet18SI: the loss ignores the scale of weights; heads; sizes."""

import pytest
import torch
import torch.nn.functional as F

from basin.core.parameters import parameter_groups
from basin.model.convnet_si import ConvNetSI
from basin.model.frozen_head import FrozenLinear, linear_head
from basin.model.resnet_si import ResNet18SI

SETTINGS = {
    "num_classes": 10,
    "in_channels": 3,
    "channels": 4,
    "affine": False,
    "head_frozen": True,
    "head_norm": 10.0,
}
AFFINE = {"affine": True, "head_frozen": False, "head_norm": None}
NETWORKS = pytest.mark.parametrize("network", [ConvNetSI, ResNet18SI])


def built(network, **changes):
    torch.manual_seed(0)
    return network(**SETTINGS | changes).double()


def images(size=32):
    return torch.randn(8, 3, size, size, dtype=torch.float64)


def bare(model):
    """BN all but without eps, which is no part of the theory."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eps = 1e-30
    return model


def loss_of(model, x):
    return F.cross_entropy(model(x), torch.arange(len(x)))


@NETWORKS
def test_all_weights_scaled_together_leave_the_loss_and_divide_the_gradient(network):
    model = bare(built(network))
    x = images()
    weights = [*model.parameters()]
    loss = loss_of(model, x)
    before = torch.autograd.grad(loss, weights)
    inner = sum((p * g).sum() for p, g in zip(weights, before, strict=True))
    assert abs(inner.item()) < 1e-10  # 16, section 4: theta . grad = 0
    with torch.no_grad():
        for p in weights:
            p.mul_(3)
    again = loss_of(model, x)
    torch.testing.assert_close(again, loss, rtol=1e-11, atol=0)
    for a, b in zip(torch.autograd.grad(again, weights), before, strict=True):
        torch.testing.assert_close(3 * a, b, rtol=1e-7, atol=1e-11)


def test_each_convolution_of_convnet_alone_is_scale_invariant():
    model = bare(built(ConvNetSI))
    x = images()
    loss = loss_of(model, x)
    for factor, p in zip((2.0, 0.1, 5.0, 0.7), model.parameters(), strict=True):
        with torch.no_grad():
            p.mul_(factor)
    torch.testing.assert_close(loss_of(model, x), loss, rtol=1e-11, atol=0)


@NETWORKS
def test_affine_networks_are_not_scale_invariant_in_all_their_parameters(network):
    model = bare(built(network, **AFFINE))
    x = images()
    loss = loss_of(model, x)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    assert abs(loss_of(model, x) - loss) > 0.1


@NETWORKS
def test_a_frozen_head_has_its_norm_and_no_optimizer_sees_it(network):
    model = built(network)
    assert abs(model.linear.weight.norm() - 10) < 1e-5  # drawn in float32
    assert not [*model.linear.parameters()]
    trained = {id(p) for group in parameter_groups(model, "all") for p in group["params"]}
    assert id(model.linear.weight) not in trained
    assert "linear.weight" in model.state_dict()


def test_biases_are_convnets_alone():
    assert built(ConvNetSI).linear.bias.abs().max() > 0
    assert built(ResNet18SI).linear.bias is None
    assert built(ResNet18SI, **AFFINE).linear.bias is None


def test_a_frozen_head_is_the_linear_layer_that_was_drawn():
    torch.manual_seed(0)
    free = linear_head(6, 4, bias=True, frozen=False, norm=2.0)
    torch.manual_seed(0)
    frozen = linear_head(6, 4, bias=True, frozen=True, norm=2.0)
    x = torch.randn(3, 6)
    assert isinstance(frozen, FrozenLinear) and torch.equal(free(x), frozen(x))


def convnet_by_hand(w, x):
    for index, weight in enumerate(w):
        x = F.conv2d(x, weight, padding=1)
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
        x = ((x - mean) / (var + 1e-5).sqrt()).clamp(min=0)
        if index:
            x = F.max_pool2d(x, 2)
    return F.max_pool2d(x, 4).flatten(1)


def test_convnet_equals_the_papers_at_32_pixels():
    model = built(ConvNetSI)
    x = images()
    features = convnet_by_hand([*model.parameters()], x)
    expected = features @ model.linear.weight.T + model.linear.bias
    torch.testing.assert_close(model(x), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("c", [8, 32])
def test_scale_invariant_weights_are_the_convolutions(c):
    convnet = 9 * (3 * c + 2 * c**2 + 8 * c**2 + 32 * c**2)
    assert sum(p.numel() for p in built(ConvNetSI, channels=c).parameters()) == convnet
    stage = [4 * 9 * c**2] + [(2 + 3 * 4) * 9 * (w := c * 2**i) ** 2 + 2 * w**2 for i in range(3)]
    resnet = 27 * c + sum(stage)
    assert sum(p.numel() for p in built(ResNet18SI, channels=c).parameters()) == resnet


@NETWORKS
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": 0}, "channels=0 must be 1 or more"),
        ({"head_norm": -1.0}, "head_norm=-1.0 must be above 0, or null"),
    ],
)
def test_bad_settings_are_refused(network, changes, said):
    with pytest.raises(ValueError, match=said):
        built(network, **changes)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match="images of 4 x 4 pixels are too small"):
        built(ConvNetSI)(images(4))
