"""Files under dataset.root: found in order, checked always, extracted safely."""

from __future__ import annotations

import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from tiny_cifar import FILENAME, FOLDER, md5, python2_pickle, tar

from basin.dataset.archive import data_root
from basin.dataset.pickles import unpickle


def test_root_goes_before_the_environment_and_that_before_the_cache(monkeypatch):
    monkeypatch.setenv("BASIN_DATA", "/from/environment")
    monkeypatch.setenv("XDG_CACHE_HOME", "/from/xdg")
    assert data_root("/given") == Path("/given")
    assert data_root(None) == Path("/from/environment")
    monkeypatch.setenv("BASIN_DATA", "")
    assert data_root(None) == Path("/from/xdg/basin")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_root(None) == Path.home() / ".cache" / "basin"


def test_an_archive_in_root_is_extracted_without_network(tiny, tmp_path):
    (tmp_path / FILENAME).write_bytes(tiny.packed)
    assert len(tiny.dataset(tmp_path).load().train) == 20
    (tmp_path / FILENAME).unlink()
    assert len(tiny.dataset(tmp_path).load().train) == 20  # now from the folder


def test_a_truncated_archive_is_named_with_both_sums(tiny, tmp_path):
    (tmp_path / FILENAME).write_bytes(tiny.packed[:-7])
    with pytest.raises(ValueError, match=FILENAME) as raised:
        tiny.dataset(tmp_path).load()
    assert md5(tiny.packed) in str(raised.value) and md5(tiny.packed[:-7]) in str(raised.value)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("tamper", [lambda b: b[:-1] + b"x", lambda b: b[:500]])
@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_changed_or_truncated_batch_file_is_named_with_both_sums(tiny, tmp_path, name, tamper):
    changed = tamper(tiny.files[name] + b" " * 500)
    (tiny.unpack(tmp_path) / name).write_bytes(changed)
    with pytest.raises(ValueError, match=name) as raised:
        tiny.dataset(tmp_path).load()
    assert md5(tiny.files[name]) in str(raised.value) and md5(changed) in str(raised.value)


def test_a_missing_batch_file_is_named(tiny, tmp_path):
    (tiny.unpack(tmp_path) / "data_batch_2").unlink()
    with pytest.raises(ValueError, match="data_batch_2: No such file"):
        tiny.dataset(tmp_path).load()


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "bad",
    [
        tarfile.TarInfo("../evil"),
        tarfile.TarInfo(f"{FOLDER}/../../evil"),
        tarfile.TarInfo("/tmp/evil"),
        tarfile.TarInfo("elsewhere/evil"),
        link(f"{FOLDER}/evil", "/etc/passwd"),
        link(f"{FOLDER}/evil", f"{FOLDER}/data_batch_1", tarfile.LNKTYPE),
        link(f"{FOLDER}/evil", "", tarfile.CHRTYPE),
        link(f"{FOLDER}/evil", "", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.name}:{member.type.decode()}",
)
def test_an_archive_with_a_dangerous_member_is_refused_whole(tiny, tmp_path, bad):
    root = tmp_path / "root"
    root.mkdir()
    tiny.packed = tar({f"{FOLDER}/{n}": c for n, c in tiny.files.items()}, bad)
    (root / FILENAME).write_bytes(tiny.packed)
    with pytest.raises(ValueError, match="refused") as raised:
        tiny.dataset(root).load()
    assert repr(bad.name) in str(raised.value)
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"root", FILENAME, f".{FILENAME}.lock"}


def test_what_a_killed_extraction_left_does_not_matter(tiny, tmp_path):
    (tmp_path / f".{FOLDER}.unfinished" / FOLDER / "more").mkdir(parents=True)
    (tmp_path / FILENAME).write_bytes(tiny.packed)
    tiny.dataset(tmp_path).load()
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == set(tiny.files)


def test_a_root_that_cannot_be_written_is_said(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="dataset.root=FOLDER"):
        tiny.dataset(tmp_path / "file" / "below").load()


class Bomb:
    def __reduce__(self):
        return os.system, ("echo boom",)


@pytest.mark.parametrize("content", [Bomb(), {"data": [Bomb()]}], ids=["bare", "nested"])
def test_a_pickle_with_code_is_refused(tiny, tmp_path, content):
    tiny.files["data_batch_1"] = pickle.dumps(content)  # with its MD5 listed
    tiny.unpack(tmp_path)
    with pytest.raises(ValueError, match=r"data_batch_1 is refused: it asks for \w+\.system"):
        tiny.dataset(tmp_path).load()


def test_arrays_of_objects_are_refused():
    with pytest.raises(ValueError, match="x is refused.*object"):
        unpickle(pickle.dumps(np.array([None]), protocol=4), Path("x"))


def test_arrays_of_python_2_and_3_are_read_alike():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for content in (python2_pickle(array), pickle.dumps(array, protocol=4)):
        assert np.array_equal(unpickle(content, Path("x")), array)
    flags_as_integers = b"cnumpy\ndtype\n(U\x02u1K\x00K\x00tR."
    assert unpickle(flags_as_integers, Path("x")) == np.uint8
    assert unpickle(pickle.dumps(np.float32(2.5), protocol=4), Path("x")) == 2.5


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"not a pickle", b"\x80\x02}q\x01(U"])
def test_bytes_that_are_no_pickle_are_said_to_be_none(content):
    with pytest.raises(ValueError, match="somewhere/x is refused"):
        unpickle(content, Path("somewhere/x"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": [0] * 9 + [10], "data": np.zeros((10, 48), np.uint8)}, "outside 0..9"),
        ({"labels": [0] * 9 + [-1], "data": np.zeros((10, 48), np.uint8)}, "outside 0..9"),
        ({"labels": [0] * 9, "data": np.zeros((10, 48), np.uint8)}, "not 48 for each label"),
        ({"labels": [0] * 10, "data": np.zeros((10, 47), np.uint8)}, "not 48 for each label"),
        ({"labels": [0] * 10, "data": np.zeros((10, 48))}, "uint8"),
        (
            {"labels": [0] * 9, "data": np.zeros((9, 48), np.uint8)},
            "there are 19 training images, expected 20",
        ),
        ([1, 2], "not a dictionary"),
    ],
)
def test_contents_that_are_not_the_published_ones_are_refused(tiny, tmp_path, content, said):
    tiny.files["data_batch_1"] = python2_pickle(content)
    tiny.unpack(tmp_path)
    with pytest.raises(ValueError, match=said):
        tiny.dataset(tmp_path).load()


def test_the_pickles_of_these_tests_have_the_official_opcodes(tiny):
    text = tiny.files["test_batch"]
    assert text.startswith(b"\x80\x02}") and b"cnumpy.core.multiarray\n_reconstruct\n" in text
