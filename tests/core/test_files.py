import errno
import json
import os
import subprocess
import sys

import pytest

from basin.core.files import atomically, remove_partial, to_json, write_atomically, write_json


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    write_json(path, {"z": 0.1 + 0.2, "a": [float("nan"), float("-inf"), (1, "é")]})
    assert path.read_text() == (
        '{\n  "z": 0.30000000000000004,\n  "a": [\n    null,\n    null,\n'
        '    [\n      1,\n      "é"\n    ]\n  ]\n}\n'
    )
    assert names(tmp_path) == ["a.json"]


def test_to_json_is_json_without_nan():
    text = to_json({"loss": float("inf"), "nested": {"error": float("nan")}})
    assert json.loads(text) == {"loss": None, "nested": {"error": None}}
    assert "\n" not in text


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_failing_disk_keeps_the_old_file_and_is_named(tmp_path, monkeypatch, code):
    path = tmp_path / "checkpoint"
    write_atomically(path, "old")

    def full(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=str(path)) as caught:
        write_atomically(path, "new")
    assert caught.value.errno == code
    assert path.read_text() == "old"
    assert names(tmp_path) == ["checkpoint"]


def test_a_file_beyond_the_limit_keeps_the_old_one(tmp_path):
    path = tmp_path / "checkpoint"
    write_atomically(path, "old")
    script = (
        "import resource, signal, sys, pathlib\n"
        "from basin.core.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "write_atomically(pathlib.Path(sys.argv[1]), bytes(1_000_000))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"OSError: [Errno 27] File too large: '{path}'"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["checkpoint"]


def test_an_error_of_the_writer_keeps_the_old_file_and_its_type(tmp_path):
    path = tmp_path / "checkpoint"
    write_atomically(path, "old")
    with pytest.raises(KeyboardInterrupt), atomically(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["checkpoint"]


def test_what_a_kill_left_can_be_removed(tmp_path):
    path = tmp_path / "checkpoint"
    write_atomically(path, "old")
    script = (
        "import os, sys, pathlib\n"
        "from basin.core.files import atomically\n"
        "with atomically(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert len(names(tmp_path)) == 2
    assert path.read_text() == "old"
    remove_partial(tmp_path)
    assert names(tmp_path) == ["checkpoint"]


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent/a.json"):
        write_json(tmp_path / "absent" / "a.json", {})
