"""A download ends with the right bytes in place, or with an error and nothing that is trusted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tiny_cifar import FILENAME, FOLDER, md5


def visible(root):
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def assert_complete(dataset, tiny):
    loaded = dataset.load()
    expected = torch.from_numpy(tiny.pixels).view(-1, 3, 4, 4)
    assert torch.equal(loaded.train.images, expected[:20])
    assert torch.equal(loaded.test.images, expected[20:])
    assert loaded.train.labels.tolist() == tiny.labels[:20]
    assert loaded.classes[3] == "class 3"


def test_downloads_once_and_reads_what_was_packed(tiny, server, tmp_path, capsys):
    dataset = tiny.dataset(tmp_path / "new" / "root", server.url)
    assert_complete(dataset, tiny)
    assert_complete(dataset, tiny)
    assert server.requested == [None]
    assert visible(tmp_path / "new" / "root") == [FOLDER, FILENAME]
    assert f"downloading {server.url}{FILENAME}" in capsys.readouterr().err


def test_a_partial_file_is_resumed(tiny, server, tmp_path):
    half = len(tiny.packed) // 2
    (tmp_path / f"{FILENAME}.partial").write_bytes(tiny.packed[:half])
    assert_complete(tiny.dataset(tmp_path, server.url), tiny)
    assert server.requested == [f"bytes={half}-"]


def test_a_complete_partial_file_only_needs_its_name(tiny, server, tmp_path):
    (tmp_path / f"{FILENAME}.partial").write_bytes(tiny.packed)
    assert_complete(tiny.dataset(tmp_path, server.url), tiny)
    assert server.requested == []


def test_a_server_without_ranges_sends_everything_again(tiny, server, tmp_path):
    server.ranges = False
    (tmp_path / f"{FILENAME}.partial").write_bytes(tiny.packed[:100])
    assert_complete(tiny.dataset(tmp_path, server.url), tiny)
    assert server.requested == ["bytes=100-"]


@pytest.mark.parametrize("length", [100, 100_000])  # a part of another file, and more than all
def test_a_partial_file_of_other_bytes_is_replaced(tiny, server, tmp_path, capsys, length):
    (tmp_path / f"{FILENAME}.partial").write_bytes(b"x" * length)
    assert_complete(tiny.dataset(tmp_path, server.url), tiny)
    assert server.requested == [f"bytes={length}-", None]
    if length == 100:
        said = capsys.readouterr().err
        assert md5(tiny.packed) in said and "downloading it anew" in said


def test_a_broken_connection_is_said_and_resumed(tiny, server, tmp_path):
    server.cut = 300
    dataset = tiny.dataset(tmp_path, server.url)
    with pytest.raises(ValueError, match=f"closed after 300 of {len(tiny.packed)} bytes"):
        dataset.load()
    assert visible(tmp_path) == [f"{FILENAME}.partial"]
    server.cut = None
    assert_complete(dataset, tiny)
    assert server.requested == [None, "bytes=300-"]


def test_a_wrong_file_leaves_nothing_that_is_trusted(tiny, server, tmp_path):
    server.content = tiny.packed[:-1] + b"x"
    with pytest.raises(ValueError, match="wrong file") as raised:
        tiny.dataset(tmp_path, server.url).load()
    assert md5(server.content) in str(raised.value) and md5(tiny.packed) in str(raised.value)
    assert visible(tmp_path) == []


def test_without_network_the_error_says_what_to_do(tiny, tmp_path):
    with pytest.raises(ValueError, match="cannot download") as raised:
        tiny.dataset(tmp_path).load()
    needed = (f"http://127.0.0.1:9/{FILENAME}", str(tmp_path / FOLDER), str(tmp_path / FILENAME))
    for text in (*needed, "dataset.root=", "BASIN_DATA=", "dataset.mirror="):
        assert text in str(raised.value)


def test_a_missing_file_on_the_mirror_is_said(tiny, tmp_path):
    with pytest.raises(ValueError, match="No such file|not found"):
        tiny.dataset(tmp_path, (tmp_path / "nowhere").as_uri()).load()


def test_a_folder_can_be_the_mirror(tiny, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / FILENAME).write_bytes(tiny.packed)
    assert_complete(tiny.dataset(tmp_path, (tmp_path / "mirror").as_uri()), tiny)


def test_processes_that_start_together_download_once(tiny, server, tmp_path):
    dataset = tiny.dataset(tmp_path, server.url)  # a lock belongs to an open file, so threads do
    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(assert_complete, dataset, tiny) for _ in range(4)]:
            running.result()
    assert server.requested == [None]
