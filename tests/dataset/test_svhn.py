"""SVHN's format in small: MATLAB files of a few images."""

import hashlib
import io

import numpy as np
import pytest
from composed_sets import built
from scipy.io import savemat

from basin.dataset.published_files import PublishedFiles
from basin.dataset.svhn import Svhn

SIZES = {"train": 12, "test": 5, "extra": 7}
FIELDS = {"seed": 0, "mean": [0.4] * 3, "std": [0.2] * 3, "validation": 0, "limit_train": None}


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        name: {
            "X": random.integers(0, 256, (32, 32, 3, num), dtype=np.uint8),
            "y": (np.arange(num, dtype=np.uint8) % 10 + 1)[:, None],
        }
        for name, num in SIZES.items()
    }


def dataset(arrays, root, **changes):
    (root / "svhn").mkdir(exist_ok=True)
    sums = {}
    for name, content in arrays.items():
        file = io.BytesIO()
        savemat(file, content)
        (root / "svhn" / f"{name}_32x32.mat").write_bytes(file.getvalue())
        sums[f"{name}_32x32.mat"] = hashlib.md5(file.getvalue()).hexdigest()

    class Small(Svhn):
        sizes = SIZES
        published = PublishedFiles(site="http://127.0.0.1:9/", folder="svhn", files=sums)

    return Small(root=str(root), mirror=None, **{"extra": False, **FIELDS, **changes})


@pytest.mark.parametrize(("extra", "num"), [(False, 12), (True, 19)])
def test_it_reads_the_authors_files(extra, num, arrays, tmp_path):
    chosen = dataset(arrays, tmp_path, extra=extra)
    data = chosen.load()
    assert len(data.train) == chosen.num_train == num and len(data.test) == 5
    pixels = [arrays[name]["X"] for name in (("train", "extra") if extra else ("train",))]
    expected = np.concatenate([p.transpose(3, 2, 0, 1) for p in pixels])  # (N, C, H, W)
    assert np.array_equal(data.train.images.numpy(), expected)
    assert data.train.labels[:12].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]


def test_the_option_loads(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(Svhn, "sizes", SIZES)
    monkeypatch.setattr(Svhn, "published", dataset(arrays, tmp_path).published)
    data = built("svhn", f"root={tmp_path}", "validation=3").load()
    assert [len(p) for p in (data.train, data.validation, data.test)] == [16, 3, 5]
    assert data.classes == tuple("0123456789") and data.shape == (3, 32, 32)


def test_a_file_that_cannot_be_read_is_named(arrays, tmp_path, monkeypatch):
    chosen = dataset(arrays, tmp_path)

    def refuse(path, expected):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("basin.dataset.published_files.check_md5", refuse)
    with pytest.raises(ValueError, match="cannot read .*train_32x32.mat: Permission denied"):
        chosen.load()


def test_a_damaged_file_is_refused(arrays, tmp_path):
    chosen = dataset(arrays, tmp_path)
    (tmp_path / "svhn" / "test_32x32.mat").write_bytes(b"no")
    with pytest.raises(ValueError, match="test_32x32.mat .* is damaged or another file: its MD5"):
        chosen.load()


def test_the_extra_images_are_not_asked_for_in_vain(arrays, tmp_path):
    chosen = dataset(arrays, tmp_path)
    (tmp_path / "svhn" / "extra_32x32.mat").unlink()
    assert len(chosen.load().train) == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.zeros((32, 32, 3, 11), np.uint8)}, r"train_32x32.mat: X is uint8 .*, 11\), exp"),
        ({"y": np.zeros((12, 1), np.uint8)}, "y must hold 12 labels from 1 to 10"),
        ({"X": np.zeros((32, 32, 3, 12))}, "X is float64"),
    ],
)
def test_what_the_files_hold_is_checked(changes, message, arrays, tmp_path):
    arrays["train"] |= changes
    with pytest.raises(ValueError, match=message):
        dataset(arrays, tmp_path).load()


def test_a_file_that_is_not_matlabs_is_refused(arrays, tmp_path):
    chosen = dataset(arrays, tmp_path)
    path = tmp_path / "svhn" / "train_32x32.mat"
    path.write_bytes(b"nothing of the kind" * 20)
    chosen.published.files["train_32x32.mat"] = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match="train_32x32.mat is no MATLAB file"):
        chosen.load()
