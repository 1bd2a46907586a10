"""Examples in memory: rows are fetched in order, in channels_last, and subsets are examples."""

from __future__ import annotations

import pytest
import torch

from basin.dataset.resident import Resident

IMAGES = torch.arange(5 * 3 * 4 * 6, dtype=torch.int64).remainder(251).to(torch.uint8)
IMAGES = IMAGES.view(5, 3, 4, 6)
LABELS = torch.tensor([4, 3, 2, 1, 0])


def test_fetch_gives_the_rows_asked_for_in_channels_last():
    examples = Resident(IMAGES, LABELS)
    indices = torch.tensor([3, 0, 3])
    images, labels = examples.fetch(indices)
    assert torch.equal(images, IMAGES[indices]) and labels.tolist() == [1, 4, 1]
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert len(examples) == 5 and torch.equal(examples.images, IMAGES)


def test_subset_and_to_are_examples_again():
    part = Resident(IMAGES, LABELS).subset(torch.tensor([4, 1])).to("cpu")
    images, labels = part.fetch(torch.tensor([1]))
    assert torch.equal(images, IMAGES[[1]]) and labels.tolist() == [3] and len(part) == 2


def test_other_dtypes_and_lengths_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        Resident(IMAGES.double(), LABELS)
    with pytest.raises(ValueError, match="one for each of the 5 images"):
        Resident(IMAGES, LABELS[:4])
