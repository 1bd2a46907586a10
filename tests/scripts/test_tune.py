"""tune.py as users run it: real runs on the digits."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from math import inf

import pytest
import torch
import tune
import yaml
from commands import ROOT
from searches import CONTENT
from tuning.request import parse
from tuning.working import ends

from basin.experiment.rung import Runs
from basin.tune.search import search_of

SEARCH = {
    **CONTENT,
    "overrides": [
        *("experiment=quickstart", "dataset.limit_train=64", "dataset.validation=100"),
        *("batch_size=16", "evaluate_every=9", "model=convnet_si_affine", "model.channels=4"),
    ],
    "space": {"lr": {"type": "log", "low": 0.001, "high": 0.5}},
    "configurations": 3,
    "epochs": 3,
    "attempts": 3,
}
REST = ["device=cpu", "logger=none", "runtime.threads=1"]


def words(folder, *more, **changes):
    file = folder / "digits.yaml"
    file.write_text(yaml.safe_dump({**SEARCH, **changes}))
    results = [f"results={folder / 'runs'}"]
    return [f"search={file}", f"folder={folder}", "study=s", *more, "--", *REST, *results]


def end_of(folder, run):
    """All that the next rung begins with, as (path, value)."""
    identity = run.rsplit("_", 1)[1].removesuffix("-s0")
    content = torch.load(folder / run / f"end-{identity}.pt", weights_only=True)
    parts = ("model", "optimizer", "schedules", "averagers", "counters", "cursors", "tally", "t")
    return dict(leaves({part: content[part] for part in parts}))


def leaves(node, path=()):
    if isinstance(node, (dict, list)):
        for key, one in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(one, (*path, key))
    else:
        yield path, node


def same(left, right):
    return left.keys() == right.keys() and all(
        torch.equal(one, right[path]) if isinstance(one, torch.Tensor) else one == right[path]
        for path, one in left.items()
    )


def runs_of(shown, rung):
    return re.findall(rf"rung {rung}: [\d.]+ \((\S+)\)", shown)


def test_promotions_are_bit_exact(tmp_path, capsys):
    """The selected configuration, trained in one go elsewhere, is where its two rungs led."""
    arguments = words(tmp_path)
    assert tune.main(arguments) == 0
    shown = capsys.readouterr()
    assert "test" not in re.sub(r"\S*/\S*", "", shown.out + shown.err)  # but in paths
    content = json.loads((tmp_path / "s" / "report.json").read_text())
    assert content["over"] and content["budget"]["epochs"] == 5
    assert content["budget"]["gradient_evaluations"] == 5
    (run,) = runs_of(shown.err, 1)
    scored = shlex.split(content["selected"]["command"])
    assert run == content["selected"]["run"] == Runs(ROOT / "configs").point(scored).name
    record = json.loads((tmp_path / "runs" / run / "record.json").read_text())
    assert record["exact"] and record["trunk"]["stage"] == "train"

    own = search_of(SEARCH).words(content["selected"]["params"], 0, 1)
    again = Runs(ROOT / "configs")([*own, *REST, f"results={tmp_path / 'alone'}"])
    assert again.run == run and again.score == content["selected"]["final"]
    cut, straight = (end_of(tmp_path / name, run) for name in ("runs", "alone"))
    assert same(cut, straight)
    kinds = {path[0] for path, one in cut.items() if isinstance(one, torch.Tensor)}
    assert kinds >= {"model", "optimizer"} and any("running_var" in str(path) for path in cut)

    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*")}
    assert tune.main(arguments) == 0  # nothing is trained, and the report is the same
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*")} == before
    assert capsys.readouterr().out == shown.out


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sampels=3", "Did you mean sampler=?"),
        ("action=show", "action=show is not one of run, work, report"),
        ("workers=0", "workers=0 is not a whole number"),
        ("mode=sgdr", "mode=sgdr is not one of"),
        ("first=abc", "first='abc' is not a finite number"),
        ("space={lr:", "space={lr:: the value is no YAML"),
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


def test_a_study_that_is_not_there_is_not_made(tmp_path, capsys):
    arguments = ["action=report", "study=sss", f"folder={tmp_path}"]
    assert tune.main(arguments) == 1
    assert "sss/journal.log: there is no such journal" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "configs/tune").glob("*.yaml")))
def test_every_search_can_be_trained_at_its_ends(name):
    runs, one = Runs(ROOT / "configs"), parse([f"search={name}"]).search
    points = [runs.check([*words, *REST]) for words in ends(one)]
    assert {point.settings["lr"] for point in points} >= {one.space["lr"]["low"]}


def test_a_mode_from_scratch_is_checked_at_every_rung():
    scratch = [*ends(search_of({**SEARCH, "mode": "rescaled_from_scratch"}))]
    assert {words[-1] for words in scratch} == {"epochs=1.0", "epochs=3.0"}


def test_what_cannot_be_trained_is_said_before_anything_is(tmp_path, capsys):
    unsplit = [word for word in SEARCH["overrides"] if "validation" not in word]
    assert tune.main(words(tmp_path, overrides=unsplit)) == 1
    assert "dataset.validation=0: a search scores on examples" in capsys.readouterr().err
    nested = ["experiment=quickstart", "dataset=label_noise", "dataset@dataset.base=digits"]
    assert tune.main(words(tmp_path, overrides=nested)) == 1
    assert "give dataset.base.validation=<examples>" in capsys.readouterr().err
    assert tune.main(words(tmp_path, overrides=["experiment=lookahead/quadratic"])) == 1
    assert "choose one that can hold out examples" in capsys.readouterr().err
    bad = {"lr": SEARCH["space"]["lr"], "lrr": {"type": "int", "low": 1, "high": 2}}
    assert tune.main(words(tmp_path, space=bad)) == 1
    assert "lrr is not a field of this configuration" in capsys.readouterr().err
    assert not (tmp_path / "s").exists() and not (tmp_path / "runs").exists()


def test_a_data_set_around_another_holds_out_its_base_examples(tmp_path):
    nested = ["dataset=label_noise", "dataset@dataset.base=digits", "dataset.base.validation=100"]
    small = [word for word in SEARCH["overrides"] if not word.startswith("dataset.")]
    one = search_of({**SEARCH, "overrides": [*small, *nested, "dataset.base.limit_train=64"]})
    made, results = Runs(ROOT / "configs"), f"results={tmp_path}"
    own = [*one.words({"lr": 0.01}, 0, 0), *REST, results]
    made.read(made.check(own))
    assert 0 < made(own).score <= 100


def test_a_run_that_diverged_costs_what_it_would_have(tmp_path):
    """Whole: each of its three epochs at the two gradients of SAM, though it ended in the first."""
    one = search_of({**SEARCH, "overrides": [*SEARCH["overrides"], "optimizer=sam"]})
    made = Runs(ROOT / "configs")([*one.words({"lr": 1e12}, 0, 1), *REST, f"results={tmp_path}"])
    assert (made.score, made.epochs, made.gradient_evaluations) == (inf, 3, 6)


def start(arguments, log):
    """tune.py as a process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "scripts" / "tune.py"), *arguments]
    with log.open("a") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


def once(process, condition, log):
    while not condition():
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)


@pytest.mark.slow
def test_workers_that_are_interrupted_and_killed(tmp_path):
    """One is stopped by Ctrl-C, one killed within a rung; two others end what they began.

    Numbers and weights are those of a search by one worker, and no rung was trained twice.
    """
    many = {"configurations": 9, "overrides": [*SEARCH["overrides"], "runtime.checkpoint_every=1"]}
    for name in ("straight", "cut"):
        (tmp_path / name).mkdir()
    straight = words(tmp_path / "straight", **many)
    assert tune.main(straight) == 0
    arguments, log, cut = words(tmp_path / "cut", **many), tmp_path / "log", tmp_path / "cut"
    for number, code, begun in ((signal.SIGINT, 130, 2), (signal.SIGKILL, -9, 4)):
        process = start(arguments, log)
        once(process, lambda: len([*cut.glob("runs/*/metrics.jsonl")]) >= begun, log)  # noqa: B023
        process.send_signal(number)
        assert process.wait(60) == code, log.read_text()
    place = arguments.index("--")
    assert tune.main([*arguments[:place], "workers=2", *arguments[place:]]) == 0
    left, right = (
        json.loads((tmp_path / name / "s" / "report.json").read_text())
        for name in ("straight", "cut")
    )
    assert "Traceback" not in log.read_text()
    assert left["configurations"] == right["configurations"]
    assert left["selected"] == right["selected"] and left["rungs"] == right["rungs"]
    assert right["budget"]["failed_attempts"] <= 2
    assert left["budget"]["epochs"] == right["budget"]["epochs"] == 9 + 3 * 2
    runs = {path.name for path in (tmp_path / "straight" / "runs").iterdir()}
    assert runs == {path.name for path in (cut / "runs").iterdir()}
    for run in runs:
        assert same(end_of(tmp_path / "straight" / "runs", run), end_of(cut / "runs", run))
