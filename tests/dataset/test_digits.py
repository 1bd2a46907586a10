"""scikit-learn's digits: the split is fixed and stratified, the pixels are the package's."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from basin.dataset.digits import Digits


def load(seed=0, validation=0, limit_train=None):
    parts = {"validation": validation, "limit_train": limit_train}
    return Digits(seed=seed, mean=[0.3050], std=[0.3757], **parts).load()


def test_every_image_is_in_exactly_one_part():
    pixels, labels = load_digits(return_X_y=True)
    scaled = np.rint(pixels * 255 / 16).astype(np.uint8)
    expected = sorted((image.tobytes(), k) for image, k in zip(scaled, labels, strict=True))
    digits = load(validation=100)
    parts = (digits.train, digits.validation, digits.test)
    found = [
        (image.numpy().tobytes(), int(k))
        for part in parts
        for image, k in zip(part.images, part.labels, strict=True)
    ]
    assert [len(part) for part in parts] == [1337, 100, 360]
    assert sorted(found) == expected


def test_test_images_are_stratified_and_no_seed_moves_them():
    first, second = load(seed=0, validation=100), load(seed=1, validation=100)
    assert torch.equal(first.test.images, second.test.images)
    assert first.test.labels.bincount().tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    assert not torch.equal(first.validation.images, second.validation.images)


def test_the_constants_of_the_configuration_are_those_of_the_training_images():
    digits = load()
    pixels = digits.train.images.double() / 255
    assert digits.mean == (round(float(pixels.mean()), 4),)
    assert round(float(pixels.std()), 4) == digits.std[0]
    assert pixels.max() == 1 and digits.shape == digits.train.images.shape[1:]
