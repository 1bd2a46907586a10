"""The sphere: the norm is held, the direction is the base's, and a plain net is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from basin.core.parameters import norm
from basin.core.scale_invariance import scale_invariant
from basin.model.convnet_si import ConvNetSI
from basin.optimizer.sgd import SGD
from basin.optimizer.sphere import Sphere

SGD_FIELDS = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "reset_on_drop": False}


def network(seed=0):
    torch.manual_seed(seed)
    return ConvNetSI(
        num_classes=10, in_channels=1, channels=2, affine=False, head_frozen=True, head_norm=10.0
    ).double()


def on_sphere(model, radius, *, lr=0.1, weight_decay=0.0):
    base = SGD([{"params": [*model.parameters()]}], lr=lr, weight_decay=weight_decay, **SGD_FIELDS)
    return Sphere(base=base, model=model, radius=radius)


def closure_of(model):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(6, 1, 8, 8, generator=generator, dtype=torch.float64)

    def closure():
        model.zero_grad()
        loss = F.cross_entropy(model(images), torch.arange(6))
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("radius", [None, 3.0])
def test_the_norm_of_all_weights_together_is_held(radius):
    model = network()
    held = norm(scale_invariant(model)).item() if radius is None else radius
    optimizer, closure = on_sphere(model, radius), closure_of(model)
    lengths = set()
    for _ in range(5):
        optimizer.step(closure)
        assert norm(scale_invariant(model)).item() == pytest.approx(held, rel=1e-12)
        lengths.add(model.features[0].weight.norm().item())
    assert len(lengths) == 5  # of each layer alone it is not held


def test_a_step_is_the_bases_and_then_the_way_back():
    model, plain = network(), network()
    radius = norm(scale_invariant(model))
    on_sphere(model, None).step(closure_of(model))
    SGD([{"params": [*plain.parameters()]}], lr=0.1, weight_decay=0.0, **SGD_FIELDS).step(
        closure_of(plain)
    )
    back = radius / norm(scale_invariant(plain))
    assert back < 1  # a gradient at right angles to the weights leads outwards
    for w, p in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(w, back * p, rtol=1e-13, atol=0)


def test_decay_on_the_sphere_is_a_larger_rate():
    """w - lr (g + wd w) = (1 - lr wd) (w - lr / (1 - lr wd) g), and the factor is undone."""
    decayed, plain = network(), network()
    on_sphere(decayed, None, weight_decay=0.5).step(closure_of(decayed))
    on_sphere(plain, None, lr=0.1 / (1 - 0.05)).step(closure_of(plain))
    for w, p in zip(decayed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(w, p, rtol=1e-12, atol=0)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("inf")])
def test_a_radius_is_above_0(radius):
    with pytest.raises(ValueError, match="radius=.* above 0"):
        on_sphere(network(), radius)


def test_a_network_without_scale_invariant_weights_is_refused():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    with pytest.raises(ValueError, match="Sequential declares none; take model=convnet_si"):
        on_sphere(model, None)
