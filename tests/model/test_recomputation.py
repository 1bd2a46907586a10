"""BN in what backward computes again: held still, twice, and differentiated twice."""

import torch
from test_densenet import images, pair
from torch import nn

from basin.core.batchnorm import RunningStatistics


def test_statistics_that_are_held_still_stay_still():
    _, saving = pair()
    before = [b.clone() for b in saving.buffers()]
    with RunningStatistics(saving).still():
        saving(images()).sum().backward()
        norms = [m for m in saving.modules() if isinstance(m, nn.BatchNorm2d)]
        assert not any(norm.track_running_stats for norm in norms)
    assert all(torch.equal(a, b) for a, b in zip(before, saving.buffers(), strict=True))
    assert all(norm.track_running_stats for norm in norms)


def test_backward_after_holding_still_moves_nothing_either():
    _, saving = pair()
    before = [b.clone() for b in saving.buffers()]
    with RunningStatistics(saving).still():
        loss = saving(images()).sum()
    loss.backward()
    assert all(torch.equal(a, b) for a, b in zip(before, saving.buffers(), strict=True))


def test_a_second_backward_of_the_same_graph_changes_nothing():
    _, saving = pair()
    loss = saving(images()).square().sum()
    parameters, buffers = [*saving.parameters()], [b.clone() for b in saving.buffers()]
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    again = torch.autograd.grad(loss, parameters)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(buffers, saving.buffers(), strict=True))


def test_second_derivatives_are_the_plain_forms():
    products = []
    for model in pair(dropout=0.0):
        parameters = [*model.parameters()]
        gradients = torch.autograd.grad(
            model(images()).square().sum(), parameters, create_graph=True
        )
        norm = sum(g.square().sum() for g in gradients)
        products.append(torch.autograd.grad(norm, parameters))
    for a, b in zip(*products, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * a.abs().max().item())
