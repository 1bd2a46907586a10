"""Networks of one kind as one function: logits, gradients and running statistics of each."""

import pytest
import torch
from torch import nn

from basin.training.stacked import Stacked

NETS = {
    "grouped, strided": lambda: nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, groups=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
    ),
    "BN without scale": lambda: nn.Sequential(
        nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6, affine=False), nn.ReLU(inplace=True)
    ),
    "BN without running statistics": lambda: nn.Sequential(
        nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6, track_running_stats=False)
    ),
    "ReLU in place, pooling, GroupNorm": lambda: nn.Sequential(
        nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.GroupNorm(2, 6)
    ),
    "a frozen layer": lambda: nn.Sequential(
        nn.Conv2d(4, 5, 3).requires_grad_(False), nn.BatchNorm2d(5), nn.Conv2d(5, 6, 1)
    ),
}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", NETS)
def test_each_member_is_as_it_is_alone(name, layout):
    models = [_network(NETS[name], layout) for _ in range(3)]
    alone = [_network(NETS[name], layout) for _ in range(3)]
    for one, other in zip(models, alone, strict=True):
        other.load_state_dict(one.state_dict())
    stacked = Stacked(models)
    for _ in range(2):
        images = [torch.randn(2, 4, 8, 8, dtype=torch.float64) for _ in range(3)]
        images = [one.contiguous(memory_format=layout) for one in images]
        stacked.take_()
        stacked.noise.seed([0, 1, 2], torch.device("cpu"))
        logits = stacked(images, track_stats=True)
        logits.square().sum().backward()
        stacked.give_back_()
        for model, other, own, x in zip(models, alone, logits, images, strict=True):
            other.zero_grad()
            expected = other(x)
            expected.square().sum().backward()
            torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)
            for p, q in zip(model.parameters(), other.parameters(), strict=True):
                assert (p.grad is None) == (q.grad is None)
                if p.grad is not None:
                    torch.testing.assert_close(p.grad, q.grad, rtol=1e-10, atol=1e-10)
                    assert p.grad.stride() == p.stride()  # as fused updates expect
            for b, c in zip(model.buffers(), other.buffers(), strict=True):
                torch.testing.assert_close(b, c, rtol=1e-12, atol=1e-12)


def _network(make, layout):
    network = nn.Sequential(make(), nn.Flatten(), nn.LazyLinear(3)).double()
    network(torch.zeros(2, 4, 8, 8, dtype=torch.float64))
    return network.to(memory_format=layout).train()
