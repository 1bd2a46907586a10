"""A local file of weights, and one that is fetched once."""

import hashlib
from pathlib import Path

import pytest
import torch

from basin.core.weights_file import WeightsFile

CONTENT = b"weights"
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    path = tmp_path / "BiT.npz"
    path.write_bytes(CONTENT)
    return path


def described(weights, **checksums):
    return WeightsFile(weights, **{"sha256": None, "md5": None, **checksums})


def test_none_is_none():
    assert not described(None).given


def test_a_path_needs_no_checksum_and_keeps_to_those_given(source):
    for checksums in ({}, {"md5": MD5}, {"sha256": SHA256.upper(), "md5": MD5}):
        assert described(str(source), **checksums).fetched() == source
    with pytest.raises(ValueError, match=f"has the md5 {MD5}, not {'0' * 32}"):
        described(str(source), md5="0" * 32).fetched()


def test_a_url_is_fetched_once(source):
    first = described(source.as_uri(), sha256=SHA256).fetched()
    assert first.read_bytes() == CONTENT and first.name == f"{SHA256[:16]}-BiT.npz"
    source.unlink()
    assert described(source.as_uri(), sha256=SHA256).fetched() == first


def test_a_wrong_file_of_an_url_is_not_kept(source):
    with pytest.raises(ValueError, match=f"has the md5 {MD5}"):
        described(source.as_uri(), md5="0" * 32).fetched()
    assert not list(Path(torch.hub.get_dir()).rglob("*.np*"))


def test_a_kept_file_that_has_changed_is_noticed(source):
    described(source.as_uri(), md5=MD5).fetched().write_bytes(b"other")
    with pytest.raises(ValueError, match="it is another file"):
        described(source.as_uri(), md5=MD5).fetched()


def test_a_url_that_does_not_answer(source):
    source.unlink()
    with pytest.raises(ConnectionError, match="download it elsewhere and give its path"):
        described(source.as_uri(), md5=MD5).fetched()


def test_refusals(source):
    for weights, checksums, message in (
        ("https://host.invalid/BiT.npz", {}, "is a URL and has no checksum"),
        ("missing.npz", {}, "weights=missing.npz is no file"),
        (str(source), {"sha256": MD5}, "is not 64 hexadecimal digits"),
        (None, {"md5": MD5}, "md5= is given, and no weights="),
    ):
        with pytest.raises(ValueError, match=message):
            described(weights, **checksums)
