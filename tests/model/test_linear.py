import pytest
import torch
from torch.nn import functional as F

from basin.model.linear import Linear


def linear(*, num_classes=10, in_channels=3, size=4, bias=True, initial=None):
    return Linear(
        num_classes=num_classes, in_channels=in_channels, size=size, bias=bias, initial=initial
    )


def test_it_is_the_matrix_times_the_flattened_image_in_any_layout():
    model, images = linear(), torch.randn(5, 3, 4, 4)
    expected = images.reshape(5, 48) @ model.fc.weight.T + model.fc.bias
    for layout in (torch.contiguous_format, torch.channels_last):
        logits = model(images.to(memory_format=layout))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)


def test_given_initial_weights_and_bias():
    model = linear(num_classes=1, in_channels=7, size=1, initial=0.5)
    assert model(torch.ones(2, 7, 1, 1)).tolist() == [[4.0], [4.0]]
    assert all((p == 0).all() for p in linear(initial=0.0).parameters())


def test_logistic_regression_from_zero_begins_at_the_log_of_the_classes():
    loss = F.cross_entropy(linear(initial=0.0)(torch.randn(6, 3, 4, 4)), torch.arange(6))
    assert loss.item() == pytest.approx(torch.tensor(10.0).log().item(), rel=1e-6)


def test_without_bias():
    assert [tuple(p.shape) for p in linear(bias=False).parameters()] == [(10, 48)]


def test_a_wrong_size_is_named():
    with pytest.raises(ValueError, match=r"model\.size=4 .* 8 x 8"):
        linear()(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="size=0"):
        linear(size=0)
