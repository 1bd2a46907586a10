import sys
import types

import pytest

from basin.logger.wandb import Wandb, chosen_mode

ARGUMENTS = {"project": "basin", "entity": None, "mode": "offline", "tags": ["a"]}


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    """A user without keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("API_KEY", "IDENTITY_TOKEN_FILE", "MODE", "BASE_URL"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.delenv("NETRC", raising=False)


def run(folder, **changes):
    log = Wandb(folder, run_id="0123abc-s0", config={"lr": 0.1}, **(ARGUMENTS | changes))
    log.progress({"t": 0.5, "loss": 2.0})
    log.epoch({"epoch": 1, "t": 1.0, "solutions": {"last": {"test": {"error": 0.5}}}})
    log.finish({"best": {"error": 0.5}})


def test_an_offline_run_is_written_where_its_folder_is(tmp_path, capsys):
    run(tmp_path)
    assert capsys.readouterr().err == ""
    sys.modules["wandb"].teardown()  # wandb's own process writes the file, and may after finish()
    [written] = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert written.name == "run-0123abc-s0.wandb"
    content = written.read_bytes()
    for key in (b"solutions/last/test/error", b"progress/loss", b"best/error", b"lr"):
        assert key in content


def test_a_continued_run_continues_there(tmp_path, monkeypatch):
    """The id of a run is its folder's name, which a requeued job keeps (tests/slurm, offline)."""
    wandb, given = Failing(None), []
    monkeypatch.setattr(wandb, "init", lambda **settings: given.append(settings) or wandb, False)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run(tmp_path), run(tmp_path)
    assert [(one["id"], one["resume"]) for one in given] == [("0123abc-s0", "allow")] * 2


@pytest.mark.parametrize(
    ("environment", "netrc", "mode"),
    [
        ({}, None, "offline"),
        ({"WANDB_API_KEY": "k"}, None, "online"),
        ({"WANDB_MODE": "disabled", "WANDB_API_KEY": "k"}, None, None),
        ({}, "machine api.wandb.ai login user password k", "online"),
        ({}, "machine example.org login user password k", "offline"),
        ({"WANDB_BASE_URL": "https://example.org"}, "machine example.org password k", "online"),
        ({}, "not a netrc file", "offline"),
    ],
)
def test_online_only_with_a_key(tmp_path, monkeypatch, environment, netrc, mode):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if netrc:
        (tmp_path / ".netrc").write_text(netrc)
        (tmp_path / ".netrc").chmod(0o600)
    assert chosen_mode() == mode


def test_its_absence_is_one_notice(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    run(tmp_path)
    [notice] = capsys.readouterr().err.splitlines()
    assert 'pip install "basin[wandb]"' in notice


class Failing:
    """A wandb that fails at one call, and counts those after it."""

    run = None

    class Settings(types.SimpleNamespace):
        model_fields = ()

    def __init__(self, at):
        self.at, self.calls, self.summary = at, [], {}

    def __getattr__(self, name):
        def call(*arguments, **settings):
            self.calls.append(name)
            if name == self.at:
                raise RuntimeError(f"{name} failed\nat length")
            return self

        return call


@pytest.mark.parametrize("at", ["init", "log", "finish"])
def test_a_failure_is_one_notice_and_the_last_call(tmp_path, monkeypatch, capsys, at):
    wandb = Failing(at)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run(tmp_path)
    assert wandb.calls[-1] == at
    [notice] = capsys.readouterr().err.splitlines()
    assert notice.startswith(f"wandb failed (RuntimeError: {at} failed); the run goes on")


def test_a_run_left_open_in_this_process_is_closed_first(tmp_path, monkeypatch):
    wandb = Failing(None)
    wandb.run = wandb
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run(tmp_path)
    assert wandb.calls == ["finish", "setup", "init", "define_metric", "log", "log", "finish"]
