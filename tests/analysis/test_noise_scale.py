"""The noise scale of gradients whose mean and covariance are known."""

from itertools import permutations
from math import inf

import pytest
import torch
from torch import nn

from basin.analysis.noise_scale import NoiseScale, check_chunks, noise_scale

W = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
MEAN = torch.tensor([0.4, -1.0, 0.5], dtype=torch.float64)
SPREAD = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)


class Offset(nn.Module):
    """Logits w - x: with losses of half their square an example's gradient is w - x."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(W.clone())

    def forward(self, x):
        return self.w - x


def half_square(logits, targets):
    return 0.5 * logits.square().sum(1)


def found(x, m, batch):
    labels = torch.zeros(len(x), dtype=torch.int64)
    rows = [*zip(x.split(batch), labels.split(batch), strict=True)]
    return noise_scale(Offset(), half_square, lambda: iter(rows), m=m)


def drawn(num, seed=0):
    return (
        MEAN + SPREAD * torch.randn(num, 3, generator=torch.Generator().manual_seed(seed)).double()
    )


def of_sample(x):
    """|G|^2 and tr(Sigma) by every example's gradient; the square of a mean has trace / N more."""
    gradients = W - x
    trace = gradients.var(0).sum()
    return NoiseScale((gradients.mean(0).square().sum() - trace / len(x)).item(), trace.item())


def test_one_example_a_chunk_is_the_covariance_itself():
    x = drawn(11)
    one, expected = found(x, 1, 4), of_sample(x)
    assert one.trace == pytest.approx(expected.trace, rel=1e-12)
    assert one.square == pytest.approx(expected.square, rel=1e-12)
    assert one.simple == pytest.approx(expected.trace / expected.square, rel=1e-12)


@pytest.mark.parametrize(("m", "batch"), [(2, 4), (2, 5), (3, 5), (3, 3)])
def test_any_chunk_is_unbiased(m, batch):
    """Over all orders of five examples the mean is that of chunks of one, unequal ones too."""
    x = drawn(5)
    every = [found(x[list(order)], m, batch) for order in permutations(range(5))]
    expected = of_sample(x)
    for field in ("square", "trace"):
        values = [getattr(one, field) for one in every]
        assert sum(values) / len(values) == pytest.approx(getattr(expected, field), rel=1e-9)
        assert max(values) > min(values) + 1e-6


def test_it_finds_the_distribution_behind_the_examples():
    square, trace = (W - MEAN).square().sum().item(), SPREAD.square().sum().item()
    many = [found(drawn(64, seed), 8, 32) for seed in range(200)]
    for field, expected in (("square", square), ("trace", trace)):
        values = torch.tensor([getattr(one, field) for one in many])
        standard_error = values.std() / len(values) ** 0.5
        assert abs(values.mean() - expected) < 4 * standard_error < 0.2 * expected


def test_weights_come_back_and_noise_alone_has_no_scale():
    model = Offset()
    x = torch.stack([W + 1, W - 1])  # gradients -1 and 1
    rows = [(x, torch.zeros(2, dtype=torch.int64))]
    one = noise_scale(model, half_square, lambda: iter(rows), m=1)
    assert one.trace == pytest.approx(6) and one.square == pytest.approx(-3) and one.simple == inf
    assert torch.equal(model.w.detach(), W)


def test_what_is_refused():
    x = drawn(4)
    rows = [(x, torch.zeros(4, dtype=torch.int64))]
    with pytest.raises(ValueError, match="m=4: all examples are one chunk"):
        noise_scale(Offset(), half_square, lambda: iter(rows), m=4)
    with pytest.raises(ValueError, match="m=5 is more than the 4 examples"):
        check_chunks(lambda: iter(rows), 5)
