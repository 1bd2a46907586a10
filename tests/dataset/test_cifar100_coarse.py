"""CIFAR-100's file format in small: 12 training and 6 test images with labels of both kinds."""

import numpy as np
import pytest
from composed_sets import built
from tiny_cifar import md5, python2_pickle

from basin.dataset.archive import Archive
from basin.dataset.cifar import Cifar100Coarse
from basin.dataset.facts import Facts


@pytest.fixture
def content():
    """Fine class k belongs to superclass k // 5 of 20, as if the classes were sorted by it."""
    pixels = np.random.default_rng(0).integers(0, 256, (18, 48), dtype=np.uint8)
    fine = [5 * k + 2 for k in range(18)]
    batch = {"fine_labels": fine, "coarse_labels": [k // 5 for k in fine], "data": pixels}
    return {
        "train": {key: values[:12] for key, values in batch.items()},
        "test": {key: values[12:] for key, values in batch.items()},
        "meta": {
            "fine_label_names": [f"fine {k}" for k in range(100)],
            "coarse_label_names": [f"coarse {k}" for k in range(20)],
        },
    }


def chosen(content, root, monkeypatch):
    files = {name: python2_pickle(value) for name, value in content.items()}
    (root / "cifar-100-python").mkdir()
    for name, packed in files.items():
        (root / "cifar-100-python" / name).write_bytes(packed)
    archive = Archive(
        site="http://127.0.0.1:9/",
        filename="cifar-100-python.tar.gz",
        md5=md5(b""),
        folder="cifar-100-python",
        files={name: md5(packed) for name, packed in files.items()},
    )
    monkeypatch.setattr(Cifar100Coarse, "archive", archive)
    facts = Facts(train=12, test=6, num_classes=20, shape=(3, 4, 4))
    monkeypatch.setattr(Cifar100Coarse, "facts", facts)
    return built("cifar100_coarse", f"root={root}")


def test_the_option_loads_the_superclasses(content, tmp_path, monkeypatch):
    data = chosen(content, tmp_path, monkeypatch).load()
    assert data.train.labels.tolist() == list(range(12))
    assert data.test.labels.tolist() == list(range(12, 18))
    assert data.classes == tuple(f"coarse {k}" for k in range(20))
    assert np.array_equal(data.test.images.flatten(1).numpy(), content["test"]["data"])


def test_a_label_that_is_no_superclass_is_refused(content, tmp_path, monkeypatch):
    content["train"]["coarse_labels"][3] = 20
    with pytest.raises(ValueError, match=r"train has labels outside 0\.\.19"):
        chosen(content, tmp_path, monkeypatch).load()


def test_fine_names_do_not_stand_in_for_the_superclasses(content, tmp_path, monkeypatch):
    del content["meta"]["coarse_label_names"]
    with pytest.raises(ValueError, match="meta names 0 classes"):
        chosen(content, tmp_path, monkeypatch).load()
