"""Tiny ImageNet's folder in small: three classes of two images, and val with its annotations."""

import numpy as np
import pytest
from composed_sets import built
from PIL import Image

from basin.dataset.facts import Facts
from basin.dataset.tiny_imagenet import TinyImageNet

FIELDS = {"seed": 0, "mean": [0.5] * 3, "std": [0.2] * 3, "validation": 0, "limit_train": None}
WNIDS = ("n02124075", "n01443537", "n04067472")  # not sorted, as in the authors' file


class Small(TinyImageNet):
    facts = Facts(train=6, test=3, num_classes=3, shape=(3, 64, 64))


def save(path, level, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((64, 64) if mode == "L" else (64, 64, 3), level, dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=95)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    for k, wnid in enumerate(WNIDS):
        save(root / "train" / wnid / "images" / f"{wnid}_0.JPEG", 10 * k)
        save(root / "train" / wnid / "images" / f"{wnid}_1.JPEG", 10 * k + 5, mode="L")
        save(root / "val" / "images" / f"val_{k}.JPEG", 100 + 10 * k)
    (root / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    lines = [f"val_{k}.JPEG\t{WNIDS[2 - k]}\t0\t0\t62\t62" for k in range(3)]
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


def load(folder):
    return Small(root=str(folder.parent), **FIELDS).load()


def test_it_reads_the_authors_folder(folder):
    data = load(folder)
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2] and data.classes == WNIDS
    assert data.test.labels.tolist() == [2, 1, 0]
    levels = data.train.images.float().mean((1, 2, 3)).round().tolist()
    assert levels == [0, 5, 10, 15, 20, 25]
    assert data.test.images.shape == (3, 3, 64, 64)


def test_the_option_loads(folder, monkeypatch):
    monkeypatch.setattr(TinyImageNet, "facts", Small.facts)
    data = built("tiny_imagenet", f"root={folder.parent}", "validation=3").load()
    assert [len(p) for p in (data.train, data.validation, data.test)] == [3, 3, 3]
    assert data.validation.labels.tolist() == [0, 1, 2] and data.shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wnids.txt", b"n02124075\n" * 3, "wnids.txt names a class twice"),
        ("wnids.txt", b"n02124075\n", "wnids.txt names 1 classes, expected 3"),
        ("wnids.txt", b"\xff\xfe", "wnids.txt is no text"),
        ("val/val_annotations.txt", b"val_0.JPEG n02124075\n", "'val_0.JPEG n02124075' is not in"),
        ("val/val_annotations.txt", b"\n", "there are 0 test images, expected 3"),
    ],
)
def test_what_its_lists_hold_is_checked(name, content, message, folder):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_a_damaged_image_is_named(folder):
    path = folder / "train" / WNIDS[1] / "images" / f"{WNIDS[1]}_0.JPEG"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"cannot decode .*{path.name}"):
        load(folder)


def test_an_image_of_another_size_is_named(folder):
    path = folder / "val" / "images" / "val_1.JPEG"
    Image.new("RGB", (32, 64)).save(path, "JPEG")
    with pytest.raises(ValueError, match=r"val_1.JPEG has \(64, 32\) pixels, expected \(64, 64\)"):
        load(folder)


def test_a_missing_image_shows_in_the_count(folder):
    (folder / "train" / WNIDS[1] / "images" / f"{WNIDS[1]}_0.JPEG").unlink()
    with pytest.raises(ValueError, match="there are 5 training images, expected 6"):
        load(folder)


def test_a_label_that_is_no_class_is_refused(folder):
    file = folder / "val" / "val_annotations.txt"
    file.write_text(file.read_text().replace(WNIDS[2], "n99999999"))
    with pytest.raises(ValueError, match="n99999999 is not in wnids.txt"):
        load(folder)


def test_without_the_folder_it_says_where_to_get_it(tmp_path):
    with pytest.raises(ValueError, match=r"tiny-imagenet-200.zip \(MD5 .*dataset.root=FOLDER"):
        load(tmp_path / "tiny-imagenet-200")
