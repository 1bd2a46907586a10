"""Fashion-MNIST's format in small: the idx files of 12 training and 5 test images."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from composed_sets import built

from basin.dataset.facts import Facts
from basin.dataset.fashion_mnist import FashionMnist, idx
from basin.dataset.published_files import PublishedFiles

FIELDS = {"seed": 0, "mean": [0.1], "std": [0.3], "validation": 0, "limit_train": None}


def packed(numbers):
    header = struct.pack(f">4B{numbers.ndim}I", 0, 0, 8, numbers.ndim, *numbers.shape)
    return gzip.compress(header + numbers.tobytes())


@pytest.fixture
def files():
    random = np.random.default_rng(0)
    content = {}
    for name, num in (("train", 12), ("t10k", 5)):
        images = random.integers(0, 256, (num, 28, 28), dtype=np.uint8)
        content[f"{name}-images-idx3-ubyte.gz"] = images
        content[f"{name}-labels-idx1-ubyte.gz"] = np.arange(num, dtype=np.uint8) % 10
    return content


def dataset(files, root, mirror=None, **changes):
    sums = {name: hashlib.md5(packed(numbers)).hexdigest() for name, numbers in files.items()}

    class Small(FashionMnist):
        facts = Facts(train=12, test=5, num_classes=10, shape=(1, 28, 28))
        published = PublishedFiles(site="http://127.0.0.1:9/", folder="fashion-mnist", files=sums)

    return Small(root=str(root), mirror=mirror, **{**FIELDS, **changes})


def write(files, folder):
    folder.mkdir(exist_ok=True)
    for name, numbers in files.items():
        (folder / name).write_bytes(packed(numbers))


def test_it_reads_the_authors_files(files, tmp_path):
    write(files, tmp_path / "fashion-mnist")
    data = dataset(files, tmp_path, validation=2).load()
    assert [len(p) for p in (data.train, data.validation, data.test)] == [10, 2, 5]
    expected = files["t10k-images-idx3-ubyte.gz"]
    assert np.array_equal(data.test.images[:, 0].numpy(), expected)
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4] and data.classes[9] == "Ankle boot"


def test_the_option_loads(files, tmp_path, monkeypatch):
    write(files, tmp_path / "fashion-mnist")
    small = dataset(files, tmp_path)
    monkeypatch.setattr(FashionMnist, "facts", small.facts)
    monkeypatch.setattr(FashionMnist, "published", small.published)
    data = built("fashion_mnist", f"root={tmp_path}", "limit_train=6").load()
    assert [len(data.train), len(data.test)] == [6, 5] and data.validation is None
    assert data.shape == (1, 28, 28) and len(data.mean) == len(data.std) == 1


def test_missing_files_come_from_the_mirror(files, tmp_path):
    write(files, tmp_path / "elsewhere")
    root = tmp_path / "root"
    data = dataset(files, root, mirror=f"file://{tmp_path}/elsewhere").load()
    assert len(data.train) == 12
    assert {p.name for p in (root / "fashion-mnist").glob("*.gz")} == set(files)


def test_without_files_or_network_it_says_what_to_do(files, tmp_path):
    with pytest.raises(ValueError, match="cannot download .*train-images.* dataset.root=FOLDER"):
        dataset(files, tmp_path).load()


def test_a_damaged_file_is_refused(files, tmp_path):
    write(files, tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"no")
    with pytest.raises(ValueError, match="is damaged or another file: its MD5 is"):
        dataset(files, tmp_path).load()


def test_what_the_files_hold_is_checked(files, tmp_path):
    for name, numbers, message in (
        ("train-labels-idx1-ubyte.gz", np.full(12, 10, np.uint8), "label 10 is not 0 to 9"),
        ("train-labels-idx1-ubyte.gz", np.zeros(11, np.uint8), "11 labels; expected one label"),
        ("train-images-idx3-ubyte.gz", np.zeros((12, 28), np.uint8), "not an idx file of bytes"),
    ):
        changed = {**files, name: numbers}
        write(changed, tmp_path / "fashion-mnist")
        with pytest.raises(ValueError, match=message):
            dataset(changed, tmp_path).load()


def test_a_cut_idx_file_is_refused():
    content = struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes(4)
    with pytest.raises(ValueError, match="it has 4 bytes for the sizes"):
        idx(content, ndim=1)
