import pytest
import torch

from basin.objective.squared_error import SquaredError

squared_error = SquaredError()


def test_of_real_targets_by_hand():
    losses = squared_error(torch.tensor([[3.0], [-1.0]]), torch.tensor([1.0, -1.0]))
    assert losses.tolist() == [2.0, 0.0]


def test_the_gradient_is_the_residual():
    outputs = torch.tensor([[3.0], [-1.0]], requires_grad=True)
    squared_error(outputs, torch.tensor([1.0, 1.5])).sum().backward()
    assert outputs.grad.tolist() == [[2.0], [-2.5]]


def test_a_class_is_its_one_hot_vector():
    logits = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    assert squared_error(logits, torch.tensor([0, 1])).tolist() == [0.0, 2.5]
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert squared_error(logits, soft).tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_dtype_is_that_of_the_outputs_and_at_least_float32(given, expected):
    targets = torch.tensor([0.1], dtype=torch.float64)
    losses = squared_error(torch.tensor([[0.1]], dtype=torch.float64).to(given), targets)
    assert losses.dtype == expected
    assert losses.item() < {torch.bfloat16: 1e-6, torch.float32: 1e-15, torch.float64: 1e-33}[given]


def test_several_outputs_have_no_single_real_target():
    with pytest.raises(ValueError, match="2 outputs with 1 targets"):
        squared_error(torch.zeros(3, 2), torch.zeros(3))
