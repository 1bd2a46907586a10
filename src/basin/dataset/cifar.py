"""CIFAR-10 and CIFAR-100 from the authors' Python files.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
"""

from __future__ import annotations

from basin.dataset.archive import Archive
from basin.dataset.batch_files import Cifar, Layout
from basin.dataset.facts import Facts

SITE = "https://www.cs.toronto.edu/~kriz/"


class Cifar10(Cifar):
    """50,000 training and 10,000 test images of 10 classes, 32 x 32 in colour."""

    facts = Facts(train=50_000, test=10_000, num_classes=10, shape=(3, 32, 32))
    archive = Archive(
        site=SITE,
        filename="cifar-10-python.tar.gz",
        md5="c58f30108f718f92721af3b95e74349a",
        folder="cifar-10-batches-py",
        files={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    )
    layout = Layout(
        train=tuple(f"data_batch_{i}" for i in range(1, 6)),
        test=("test_batch",),
        meta="batches.meta",
        labels="labels",
        names="label_names",
    )


class Cifar100(Cifar):
    """50,000 training and 10,000 test images of 100 (fine) classes, 32 x 32 in colour."""

    facts = Facts(train=50_000, test=10_000, num_classes=100, shape=(3, 32, 32))
    archive = Archive(
        site=SITE,
        filename="cifar-100-python.tar.gz",
        md5="eb9058c3a382ffc7106e4002c42a8d85",
        folder="cifar-100-python",
        files={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    )
    layout = Layout(
        train=("train",),
        test=("test",),
        meta="meta",
        labels="fine_labels",
        names="fine_label_names",
    )


class Cifar100Coarse(Cifar100):
    """CIFAR-100 with its 20 superclasses as labels."""

    facts = Facts(train=50_000, test=10_000, num_classes=20, shape=(3, 32, 32))
    layout = Layout(
        train=("train",),
        test=("test",),
        meta="meta",
        labels="coarse_labels",
        names="coarse_label_names",
    )
