"""The real CIFAR-10 and CIFAR-100, where a copy of the authors' files is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from basin.dataset.cifar import Cifar10, Cifar100, Cifar100Coarse

CONSTANTS = {"mean": [0.5] * 3, "std": [0.2] * 3}


def copy_of(folder: str) -> str:
    """A root that holds `folder`: $BASIN_DATA, or shared/data beside the checkout."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    for root in filter(None, (os.environ.get("BASIN_DATA"), str(beside))):
        if (Path(root) / folder).is_dir():
            return root
    pytest.skip(f"no copy of {folder}: set BASIN_DATA to the folder that holds it")


def test_cifar10_is_the_published_one():
    parts = {"validation": 5000, "limit_train": 5120}
    root = copy_of("cifar-10-batches-py")
    data = Cifar10(seed=0, root=root, mirror=None, **CONSTANTS, **parts).load()
    assert [len(p) for p in (data.train, data.validation, data.test)] == [5120, 5000, 10_000]
    assert data.test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert data.test.images[0, :, 0, 0].tolist() == [158, 112, 49]
    assert data.classes[0] == "airplane" and data.classes[9] == "truck"
    assert data.train.labels.bincount().tolist() == [512] * 10
    assert data.validation.labels.bincount().tolist() == [500] * 10


def test_cifar10_has_the_published_mean():
    root = copy_of("cifar-10-batches-py")
    whole = {"validation": 0, "limit_train": None}
    data = Cifar10(seed=0, root=root, mirror=None, **CONSTANTS, **whole).load()
    mean = data.train.images.float().mean((0, 2, 3)) / 255
    assert torch.allclose(mean, torch.tensor([0.4914, 0.4822, 0.4465]), rtol=0, atol=6e-5)
    assert data.train.labels[:8].tolist() == [6, 9, 9, 4, 1, 1, 2, 7]


def test_cifar100_has_fine_labels():
    root = copy_of("cifar-100-python")
    whole = {"validation": 0, "limit_train": None}
    data = Cifar100(seed=0, root=root, mirror=None, **CONSTANTS, **whole).load()
    assert [len(data.train), len(data.test), len(data.classes)] == [50_000, 10_000, 100]
    assert data.test.labels[:5].tolist() == [49, 33, 72, 51, 71]
    assert data.classes[49] == "mountain"
    assert data.train.labels.bincount().tolist() == [500] * 100


def test_cifar100_coarse_has_the_superclasses():
    root = copy_of("cifar-100-python")
    whole = {"validation": 0, "limit_train": None}
    data = Cifar100Coarse(seed=0, root=root, mirror=None, **CONSTANTS, **whole).load()
    assert len(data.classes) == 20 and data.classes[10] == "large_natural_outdoor_scenes"
    assert data.test.labels[:5].tolist() == [10, 10, 0, 4, 10]
    assert data.train.labels.bincount().tolist() == [2500] * 20
