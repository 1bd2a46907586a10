"""Stopping what this machine runs, and nothing else."""

import signal
from dataclasses import replace

import pytest

from basin.launch import stop as module
from basin.launch.holder import this_process
from basin.launch.stop import announced, stop, stop_pools


def test_only_a_living_process_of_this_machine_is_asked_to_stop(tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(module.os, "kill", lambda *what: what[1] and sent.append(what))
    me = this_process()
    file = tmp_path / "lock.json"
    assert not stop(file)
    file.write_text("torn")
    assert not stop(file)
    file.write_bytes(replace(me, start=1.0).to_bytes())  # another process has its pid by now
    assert not stop(file) and not sent
    file.write_bytes(replace(me, host="elsewhere").to_bytes())
    with pytest.raises(ValueError, match="elsewhere.*cancel it there"):
        stop(file)
    with announced(tmp_path):
        assert stop_pools(tmp_path) == 1
    assert sent == [(me.pid, signal.SIGTERM)] and stop_pools(tmp_path) == 0
