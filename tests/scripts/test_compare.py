import json

import compare
import pytest
import yaml
from commands import MINI, run
from matplotlib.image import imread

from basin.report.labels import labels

SGD = {"_target_": "basin.optimizer.sgd.SGD", "lr": 0.1, "momentum": 0.9}
ADAMW = {"_target_": "basin.optimizer.adamw.adamw", "lr": 0.001, "eps": 1e-8}
COSINE = {"_target_": "basin.schedule.cosine.Cosine", "epochs": 2}


def settings(**changes):
    base = {"seed": 0, "epochs": 2, "device": "cpu", "optimizer": SGD, "schedule": {"lr": COSINE}}
    return {**base, **changes}


def line(epoch, *, solutions=("last",), lr=0.1):
    scores = {"error": 50 / epoch, "error5": 5.0, "nll": 1.2345, "ece": 0.0678}
    return {
        "epoch": epoch,
        "train": {"loss": 2 / epoch, "error": 60 / epoch},
        "solutions": {name: {"test": scores} for name in solutions},
        "lr": lr,
        "gradient_evaluations": epoch,
        "seconds": 1.5 * epoch,
    }


def write(folder, configuration, lines, *, finished=True):
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    if finished:
        results = {
            name: {
                "final": {"epoch": lines[-1]["epoch"], **scores},
                "best": {"epoch": 1.0, "selected_on": "test", **scores},
            }
            for name, scores in lines[-1]["solutions"].items()
        }
        cost = {"gradient_evaluations": 2.0, "seconds": 3.0}
        record = {"format": 1, "results": results, "cost": cost, "environment": {}}
        (folder / "record.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def two(tmp_path):
    first = write(tmp_path / "a", settings(), [line(1.0), line(2.0, lr=0.05)])
    both = ("last", "swa")
    second = write(
        tmp_path / "b",
        settings(epochs=4, device="cuda"),
        [line(1.0, solutions=both), line(2.0, solutions=both), line(4.0, solutions=both)],
        finished=False,
    )
    return first, second


def test_differences_results_and_picture(two, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert compare.main([*map(str, two), "--output", str(picture)]) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[0] == f"1: epochs=2  ({two[0]})"
    assert text[3:6] == [
        "configuration, 1 -> 2:",
        "  device: cpu -> cuda  (no part of the identity)",
        "  epochs: 2 -> 4",
    ]
    rows = [one.split() for one in text if one[:2] in ("1 ", "2 ")]
    assert rows[0][:5] == ["1", "last", "2", "25.00", "%"]
    assert "(1, selected on test)" in text[-5]
    assert [row[1:5] for row in rows[1:]] == [
        ["*", "last", "4", "12.50"],
        ["*", "swa", "4", "12.50"],
    ]
    assert text[-2:] == ["* not finished: its latest evaluation", f"curves: {picture}"]
    colours = {tuple(pixel) for row in (imread(picture)[..., :3] * 255).round() for pixel in row}
    assert {(0, 0x72, 0xB2), (0xD5, 0x5E, 0)} <= colours  # a curve of each run


def test_a_line_that_is_being_written_is_left_out(two):
    with (two[1] / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 5.0, "tra')
    assert [one["epoch"] for one in compare.read(two[1]).lines] == [1.0, 2.0, 4.0]


def test_a_run_before_its_first_evaluation(tmp_path, two, capsys):
    new = write(tmp_path / "c", settings(seed=1), [], finished=False)
    assert compare.main([str(two[0]), str(new), "--output", str(tmp_path / "x.png")]) == 0
    assert "2 *  no evaluation yet" in capsys.readouterr().out


def test_bad_paths_are_named(two, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_text("a: [1")
    for path, why in (
        (tmp_path / "none", "there is no such folder"),
        (tmp_path / "empty", "it has no config.yaml"),
        (two[0] / "config.yaml", "there is no such folder"),
        (tmp_path / "broken", "cannot be read"),
    ):
        assert compare.main([str(two[0]), str(path)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {path} ") and why in error
    for output in ("none/x.png", "x.foo"):
        assert compare.main([str(two[0]), "--output", str(tmp_path / output)]) == 1
        assert capsys.readouterr().err.startswith("error: ")


def test_labels_have_what_differs_and_nothing_twice():
    longer = settings(epochs=3, schedule={"lr": {**COSINE, "epochs": 3}})
    assert labels([settings(), longer]) == ["epochs=2", "epochs=3"]
    slower = settings(lr=0.05, optimizer={**SGD, "lr": 0.05})
    assert labels([settings(lr=None), slower]) == ["lr=0.1", "lr=0.05"]


def test_labels_name_the_options_of_a_group_and_what_they_share():
    constant = {"lr": {"_target_": "basin.schedule.constant.Constant"}}
    swa = {"swa": {"_target_": "basin.averaging.swa.SWA", "start": 1}}
    found = labels([settings(), settings(optimizer=ADAMW, schedule=constant, averaging=swa)])
    assert found == [
        "optimizer=sgd, schedule.lr=cosine, averaging=none, lr=0.1",
        "optimizer=adamw, schedule.lr=constant, averaging=swa, lr=0.001",
    ]


def test_labels_of_equal_runs_are_their_folders(two, tmp_path):
    again = write(tmp_path / "d", settings(device="mps"), [line(1.0)])
    assert compare.names([compare.read(two[0]), compare.read(again)]) == ["a", "d"]


def test_a_run_of_train_py(tmp_path, capsys):
    results = tmp_path / "results"
    run(*MINI, f"results={results}", output=tmp_path / "output")
    (folder,) = results.iterdir()
    assert compare.main([str(folder), "--output", str(tmp_path / "x.png")]) == 0
    record = json.loads((folder / "record.json").read_text())
    error = record["results"]["last"]["final"]["test"]["error"]
    assert f"{error:.2f} %" in capsys.readouterr().out
