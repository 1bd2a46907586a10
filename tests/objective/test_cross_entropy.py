"""Cross entropy, example by example, against its definition."""

from __future__ import annotations

import pytest
import torch

from basin.objective.cross_entropy import CrossEntropy

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def definition(probabilities, smoothing):
    smoothed = (1 - smoothing) * probabilities + smoothing / probabilities.shape[1]
    return -(smoothed * LOGITS.log_softmax(1)).sum(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_and_probabilities_follow_the_definition(smoothing):
    one_hot = torch.eye(3, dtype=torch.float64)[LABELS]
    mixed = torch.tensor([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6]])
    objective = CrossEntropy(label_smoothing=smoothing)
    assert torch.allclose(objective(LOGITS, LABELS), definition(one_hot, smoothing), atol=1e-15)
    wanted = definition(mixed.double(), smoothing)
    assert torch.allclose(objective(LOGITS, mixed), wanted, rtol=0, atol=1e-15)


def test_short_dtypes_are_computed_in_float32():
    logits = LOGITS.to(torch.bfloat16)
    got = CrossEntropy(label_smoothing=0.1)(logits, LABELS)
    assert got.dtype == torch.float32 and got.shape == (2,)
    assert torch.equal(got, CrossEntropy(label_smoothing=0.1)(logits.float(), LABELS))


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="objective.label_smoothing="):
        CrossEntropy(label_smoothing=smoothing)
