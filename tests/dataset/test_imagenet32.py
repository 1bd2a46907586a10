"""The batches of 32 x 32 ImageNet in small, in both of their forms."""

import pickle

import numpy as np
import pytest
from composed_sets import built

from basin.dataset.facts import Facts
from basin.dataset.imagenet32 import ImageNet32

FIELDS = {"seed": 0, "mean": [0.5] * 3, "std": [1.0] * 3, "validation": 0, "limit_train": None}
NAMES = ("train_data_batch_1", "train_data_batch_2", "val_data")


class Small(ImageNet32):
    facts = Facts(train=9, test=4, num_classes=6, shape=(3, 32, 32))
    train_files = NAMES[:2]


@pytest.fixture
def batches():
    random = np.random.default_rng(0)
    result = {}
    for name, num in zip(NAMES, (5, 4, 4), strict=True):
        pixels = random.integers(0, 256, (num, 3072), dtype=np.uint8)
        result[name] = {"data": pixels, "labels": [k % 6 + 1 for k in range(num)]}
    return result


def test_the_option_loads(batches, tmp_path, monkeypatch):
    write(batches, tmp_path, "pickle")
    monkeypatch.setattr(ImageNet32, "facts", Small.facts)
    monkeypatch.setattr(ImageNet32, "train_files", Small.train_files)
    data = built("imagenet32", f"root={tmp_path}", "validation=2").load()
    assert [len(p) for p in (data.train, data.validation, data.test)] == [7, 2, 4]
    assert data.shape == (3, 32, 32) and data.std == (1.0, 1.0, 1.0)


def write(batches, root, form):
    folder = root / "imagenet32"
    folder.mkdir(exist_ok=True)
    for name, content in batches.items():
        if form == "pickle":
            (folder / name).write_bytes(pickle.dumps({**content, "mean": np.zeros(3072)}, 3))
        else:
            np.savez(folder / f"{name}.npz", **content, mean=np.zeros(3072))


@pytest.mark.parametrize("form", ["pickle", "npz"])
def test_it_reads_both_forms(form, batches, tmp_path):
    write(batches, tmp_path, form)
    data = Small(root=str(tmp_path), **FIELDS).load()
    pixels = np.concatenate([batches[name]["data"] for name in NAMES[:2]]).reshape(-1, 3, 32, 32)
    assert np.array_equal(data.train.images.numpy(), pixels)
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    assert len(data.test) == 4 and data.classes[0] == "class 1" and len(data.classes) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [1.5, 1, 1, 1, 1]}, "has no whole numbers under 'labels'"),
        ({"labels": [[1], [1, 2], [1]]}, "has no whole numbers under 'labels'"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "has no table of uint8 pixels"),
        ({"data": np.array(1, np.uint8)}, r"'data' is \(\) and"),
        ({"labels": [0, 1, 2, 3, 4]}, "has labels outside 1..6"),
        ({"labels": [1, 2, 3]}, r"'labels' \(3,\); expected"),
        ({"data": np.zeros((5, 3072))}, "has no table of uint8 pixels"),
        ({"data": np.zeros((5, 12288), np.uint8)}, r"'data' is \(5, 12288\)"),
    ],
)
def test_what_the_files_hold_is_checked(changes, message, batches, tmp_path):
    batches[NAMES[0]] |= changes
    write(batches, tmp_path, "pickle")
    with pytest.raises(ValueError, match=message):
        Small(root=str(tmp_path), **FIELDS).load()


def test_too_few_images_are_refused(batches, tmp_path):
    batches[NAMES[1]] = {"data": np.zeros((1, 3072), np.uint8), "labels": [1]}
    write(batches, tmp_path, "npz")
    with pytest.raises(ValueError, match="there are 6 training images, expected 9"):
        Small(root=str(tmp_path), **FIELDS).load()


def test_a_missing_batch_says_where_to_get_it(batches, tmp_path):
    del batches[NAMES[1]]
    write(batches, tmp_path, "pickle")
    with pytest.raises(ValueError, match="train_data_batch_2 nor .*image-net.org.*BASIN_DATA"):
        Small(root=str(tmp_path), **FIELDS).load()
