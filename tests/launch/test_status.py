import errno
import json
import os

import pytest

from basin.launch.status import Status, read_status


def test_follows_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert read_status(tmp_path) is None
    status = Status(tmp_path)
    status.write("queued", epochs=30)
    status.write("running", epoch=2.5)
    entries = read_status(tmp_path)
    assert entries["state"] == "running"
    assert (entries["epoch"], entries["epochs"]) == (2.5, 30)
    assert (entries["pid"], entries["slurm_job"]) == (os.getpid(), "4711")
    assert entries["started"] <= entries["updated"]
    status.write("done", epoch=30)
    assert read_status(tmp_path)["state"] == "done"
    assert "error" not in read_status(tmp_path)


def test_a_failure_keeps_its_traceback(tmp_path):
    status = Status(tmp_path)
    status.write("running", epoch=1, epochs=2)
    try:
        raise ValueError("loss is not finite\nat step 3")
    except ValueError as error:
        status.failed(error)
    entries = json.loads((tmp_path / "status.json").read_text())
    assert entries["state"] == "failed"
    assert entries["error"] == "ValueError: loss is not finite"
    assert "test_a_failure_keeps_its_traceback" in entries["traceback"]
    assert entries["epoch"] == 1


def test_a_full_disk_hides_no_error(tmp_path, monkeypatch):
    status = Status(tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status.failed(ValueError("the real one"))
    with pytest.raises(OSError, match=r"status\.json"):
        status.write("running")
