"""Parts of a training set: stratified, nested, reproducible, checked before anything is read."""

from __future__ import annotations

import pytest
import torch

from basin.dataset.cifar import Cifar10
from basin.dataset.digits import Digits
from basin.dataset.resident import Resident
from basin.dataset.split import divide, stratified_order, subset, validation_split

BALANCED = torch.arange(1000) % 10
UNEVEN = torch.cat([torch.full((n,), k) for k, n in enumerate((500, 300, 150, 47, 3))])


@pytest.mark.parametrize("number", [1, 9, 10, 15, 333, 999, 1000])
def test_equal_classes_differ_by_at_most_one(number):
    counts = BALANCED[subset(BALANCED, number, 0)].bincount(minlength=10)
    assert counts.sum() == number and counts.max() - counts.min() <= 1


@pytest.mark.parametrize("number", [10, 100, 501, 999])
def test_unequal_classes_keep_their_proportions(number):
    counts = UNEVEN[subset(UNEVEN, number, 0)].bincount(minlength=5)
    assert counts.sum() == number
    assert (counts - UNEVEN.bincount() * number / len(UNEVEN)).abs().max() < 1


def test_a_smaller_subset_lies_in_a_larger_one():
    small, large = (set(subset(BALANCED, n, 3).tolist()) for n in (77, 300))
    assert small < large


def test_the_order_is_a_permutation_that_the_seed_decides():
    first, second = stratified_order(UNEVEN, 0), stratified_order(UNEVEN, 1)
    assert torch.equal(first.sort().values, torch.arange(len(UNEVEN)))
    assert torch.equal(first, stratified_order(UNEVEN, 0))
    assert not torch.equal(first, second)


def test_the_parts_of_a_seed_are_the_same_on_every_machine():
    labels = torch.arange(40) % 4
    assert subset(labels, 6, 7).tolist() == GOLDEN_SUBSET
    assert validation_split(labels, 5, 7)[1].tolist() == GOLDEN_VALIDATION


GOLDEN_SUBSET = [0, 10, 18, 19, 25, 29]
GOLDEN_VALIDATION = [0, 9, 19, 20, 34]


def test_validation_is_split_off_first_and_then_the_subset_is_taken():
    rows = torch.arange(1000)
    images = torch.stack([rows // 256, rows % 256], 1).to(torch.uint8)[:, :, None, None]
    everything = Resident(images, BALANCED)

    def numbers(part):
        return set((part.images[:, 0].int() * 256 + part.images[:, 1]).flatten().tolist())

    whole, held_out = divide(everything, validation=100, limit_train=None, seed=5)
    part, same = divide(everything, validation=100, limit_train=250, seed=5)
    assert numbers(held_out) == numbers(same) and len(held_out) == 100
    assert numbers(whole) == set(range(1000)) - numbers(held_out)
    assert numbers(part) < numbers(whole) and len(part) == 250
    assert held_out.labels.bincount().tolist() == [10] * 10
    assert part.labels.bincount().tolist() == [25] * 10
    assert divide(everything, validation=0, limit_train=None, seed=5)[1] is None


def make(**changes):
    arguments = {"mean": [0.5] * 3, "std": [0.2] * 3, "validation": 0, "limit_train": None}
    return Cifar10(**{"seed": 0, "root": "/nowhere", "mirror": None, **arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"validation": 60000}, "dataset.validation=60000 .* less than the 50000 training images"),
        ({"validation": 50000}, "less than the 50000"),
        ({"validation": -1}, "dataset.validation=-1"),
        ({"validation": 0.1}, "dataset.validation=0.1 must be a whole number"),
        ({"limit_train": 0}, "dataset.limit_train=0 must be 1 to 50000"),
        ({"limit_train": 45001, "validation": 5000}, "1 to 45000.*dataset.validation=5000 leaves"),
        ({"limit_train": True}, "whole number"),
        ({"mean": [0.5]}, r"dataset.mean=\[0.5\] must have one value for each of the 3"),
        ({"mean": [125.3, 123.0, 113.9]}, "pixels / 255"),
        ({"std": [0.2, 0.2, 0.0]}, "greater than 0"),
        ({"mirror": "/folder"}, "dataset.mirror='/folder' must be a URL .* dataset.root"),
    ],
)
def test_bad_arguments_stop_before_disk_and_network(changes, said):
    with pytest.raises(ValueError, match=said):
        make(**changes)


def test_the_number_of_training_images_is_known_without_reading_any():
    assert make().num_train == 50_000
    assert make(validation=5000).num_train == 45_000
    assert make(validation=5000, limit_train=5120).num_train == 5120
    digits = Digits(seed=0, mean=[0.3], std=[0.4], validation=37, limit_train=None)
    assert digits.num_train == 1400 == len(digits.load().train)
