"""tune.py as users run it: real runs on the digits."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import tune
import yaml
from commands import ROOT, bitwise
from safetensors.torch import load_file
from tuning.request import parse

SEARCH = {
    "overrides": [
        *("experiment=quickstart", "dataset.limit_train=64", "dataset.validation=100"),
        *("batch_size=16", "evaluate_every=9"),
    ],
    "space": {"lr": {"type": "log", "low": 0.001, "high": 0.5}},
    "scheduler": "sha",
    "eta": 3,
    "configurations": 3,
    "first": 1,
    "epochs": 3,
    "mode": "per_rung_restart",
    "momentum": "keep",
    "cycle_factor": 1.0,
    "period": None,
    "sampler": "random",
    "startup": 3,
    "seed": 0,
    "attempts": 3,
}
REST = ["device=cpu", "logger=none", "runtime.threads=1"]


def words(folder, *more, **changes):
    file = folder / "digits.yaml"
    file.write_text(yaml.safe_dump({**SEARCH, **changes}))
    results = [f"results={folder / 'runs'}"]
    return [f"search={file}", f"folder={folder}", "study=s", *more, "--", *REST, *results]


def last_weights(folder, run):
    return load_file(folder / "runs" / run / "last.safetensors")


def test_promotions_are_bit_exact(tmp_path, capsys):
    """The selected configuration, trained in one go elsewhere, has the same weights."""
    assert tune.main(words(tmp_path)) == 0
    shown = capsys.readouterr()
    assert "test" not in re.sub(r"\S*/\S*", "", shown.out + shown.err)  # but in paths
    content = json.loads((tmp_path / "s" / "report.json").read_text())
    assert content["over"] and content["budget"]["epochs"] == 5
    assert content["budget"]["gradient_evaluations"] == 5
    (run,) = (n for n in re.findall(r"rung 1: [\d.]+ \((\S+)\)", shown.err))
    record = json.loads((tmp_path / "runs" / run / "record.json").read_text())
    assert record["exact"] and record["trunk"]["stage"] == "train"
    config = content["selected"]["params"]
    alone = words(tmp_path / "runs", configurations=3)[-4:]
    from basin.experiment.rung import Runs
    from basin.tune.search import search_of

    own = [*search_of(SEARCH).words(config, 0, 1), *alone[:-1], f"results={tmp_path / 'alone'}"]
    again = Runs(ROOT / "configs")(own)
    assert bitwise(
        last_weights(tmp_path, run), load_file(tmp_path / "alone" / run / "last.safetensors")
    )
    assert again.run == run and again.score == content["selected"]["final"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sampels=3", "Did you mean sampler=?"),
        ("action=show", "action=show is not one of run, work, report"),
        ("workers=0", "workers=0 is not a whole number"),
        ("mode=sgdr", "mode=sgdr is not one of"),
    ],
)
def test_words_that_are_not_understood(word, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(words(tmp_path, word))


def test_searches_that_are_not_there(capsys):
    assert tune.main(["search=morl_mimi"]) == 1
    assert "Did you mean morl_mini?" in capsys.readouterr().err
    assert tune.main([]) == 1
    assert "search=NAME is missing; there are morl_mini" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"-- lr=1: only what is no part"):
        parse(["search=morl_mini", "--", "lr=1"])
    with pytest.raises(ValueError, match=r"-- rerun=true: only"):
        parse(["search=morl_mini", "--", "rerun=true"])


def test_what_cannot_be_trained_is_said_before_anything_is(tmp_path, capsys):
    unsplit = [word for word in SEARCH["overrides"] if "validation" not in word]
    assert tune.main(words(tmp_path, overrides=unsplit)) == 1
    assert "dataset.validation=0: a search scores on examples" in capsys.readouterr().err
    bad = {"lr": SEARCH["space"]["lr"], "lrr": {"type": "int", "low": 1, "high": 2}}
    assert tune.main(words(tmp_path, space=bad)) == 1
    assert "lrr is not a field of this configuration" in capsys.readouterr().err
    assert not (tmp_path / "s").exists() and not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_several_processes_one_of_which_is_killed(tmp_path):
    """Two workers end the search that a killed one began, with the numbers of a search of one."""
    many = {"configurations": 9}
    (tmp_path / "straight").mkdir()
    assert tune.main(words(tmp_path / "straight", **many)) == 0
    (tmp_path / "killed").mkdir()
    arguments = words(tmp_path / "killed", **many)
    command = [sys.executable, str(ROOT / "scripts" / "tune.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        first = subprocess.Popen(command, env=environment, stderr=log)
        while len(list((tmp_path / "killed" / "runs").glob("*/record.json"))) < 3:
            assert first.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
    place = arguments.index("--")
    both = [*arguments[:place], "workers=2", *arguments[place:]]
    assert tune.main(both) == 0
    left, right = (
        json.loads((tmp_path / name / "s" / "report.json").read_text())
        for name in ("straight", "killed")
    )
    assert left["configurations"] == right["configurations"]
    assert left["selected"] == right["selected"] and left["rungs"] == right["rungs"]
    assert right["budget"]["failed_attempts"] <= 1
    assert left["budget"]["epochs"] == right["budget"]["epochs"] == 9 + 3 * 2
