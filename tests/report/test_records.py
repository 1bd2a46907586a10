"""Run folders become records, and records say what a cell reads."""

import json

import pytest
import yaml

from basin.report.paper.archive import read_archive
from basin.report.paper.forms import Cell
from basin.report.paper.records import write_record
from basin.report.paper.values import Unreadable, selected_on, value

NAME = "net_digits_0123456789-s3"
SETTINGS = {
    **{"epochs": 2, "batch_size": 64, "model": {"_target_": "a.b.Net"}},
    "dataset": {"_target_": "a.d.Digits", "file": "/home/someone/secret/a4a"},
}


def line(epoch):
    scores = {"error": 30.123456789 / epoch, "error5": 1.0, "nll": 0.5 / epoch, "ece": 0.1}
    parts = {"validation": {**scores, "error": 40.0 / epoch}, "test": scores}
    return {
        **{"epoch": float(epoch), "t": float(epoch), "step": 10 * epoch, "lr": 0.1 / epoch},
        "train": {"loss": 1.0 / epoch, "error": 9.0},
        "solutions": {"last": parts, **({"swa": parts} if epoch == 2 else {})},
        **{"gradient_evaluations": 2.0 * epoch, "seconds": 1.0 * epoch},
    }


def write_run(runs, name=NAME, *, failed=None):
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line(e)) + "\n" for e in (1, 2)))
    (folder / "config.yaml").write_text(yaml.safe_dump({**SETTINGS, "results": str(runs)}))
    if failed is not None:
        status = {"state": "failed", "error": failed}
        (folder / "status.json").write_text(json.dumps(status))
        return folder
    last = line(2)["solutions"]["last"]
    best = {"epoch": 1.0, "selected_on": "validation", **last}
    record = {
        **{"format": 1, "run": name, "identity": name[-13:-3], "numerics": 1, "seed": 3},
        **{"exact": True, "settings": SETTINGS, "seeds": {}, "skipped_files": 0, "dataset": {}},
        "stages": {"train": {"identity": name[-13:-3], "settings": {**SETTINGS, "epochs": 1}}},
        "results": {"last": {"final": {"epoch": 2.0, **last}, "best": best}},
        "cost": {"epochs": 2.0, "gradient_evaluations": 4.0, "seconds": 2.0},
        "computed": {"device": "a device"},
        "environment": {"commit": "abc", "device": "a device"},
    }
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def cell(**changes):
    return Cell(row="r", column="c", experiment="x", seeds=(3,), **changes)


@pytest.fixture
def stored(tmp_path):
    """A collected record, read back; the run folder is gone."""
    write_run(tmp_path / "elsewhere" / "runs")
    (record,) = read_archive(tmp_path / "elsewhere").records.values()
    assert not record.stored
    file = write_record(tmp_path / "records" / "p", record, [{"experiment": "x", "overrides": []}])
    archive = read_archive(tmp_path)
    return file, archive.records["0123456789", 3], archive


def test_a_record_is_one_object_in_three_lines_without_a_path(stored):
    file, record, _ = stored
    text = file.read_text()
    assert len(text.splitlines()) == 3 and "/home" not in text and "someone" not in text
    assert file.name == f"{NAME}.json" and record.stored
    whole = json.loads(text)
    assert whole["settings"]["dataset"]["file"] == "a4a"
    assert whole["stages"]["train"]["changes"] == {"epochs": 1}
    assert record.curves["train.loss"] == [1.0, 0.5] and record.curves[
        "solutions.swa.test.nll"
    ] == [
        None,
        0.25,
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 100 - 30.123456789 / 2),
        ({"metric": "error", "epoch": 1.0}, 30.1235),
        ({"metric": "error", "epoch": "best", "part": "validation"}, 20.0),
        ({"metric": "nll", "solution": "swa", "epoch": 2.0}, 0.25),
        ({"metric": "line:train.loss"}, 0.5),
        ({"metric": "line:lr", "epoch": 1.0}, 0.1),
    ],
)
def test_what_a_cell_reads(stored, changes, expected):
    assert value(stored[1], cell(**changes)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solution": "ema"}, r"has no solution ema \(it has last\)"),
        ({"epoch": 3.0}, "was not evaluated at epoch 3"),
        ({"solution": "swa", "epoch": 1.0}, "is not there"),
        ({"metric": "excess_risk"}, "excess_risk of last"),
        ({"metric": "line:norm"}, "has no norm"),
        ({"metric": "line:train.loss", "epoch": "best"}, "best epoch"),
    ],
)
def test_what_a_record_has_not_is_said(stored, changes, message):
    with pytest.raises(Unreadable, match=message):
        value(stored[1], cell(**changes))


def test_an_epoch_says_by_what_it_was_chosen():
    assert selected_on(cell(epoch="best"), validation=False) == "test-best"
    assert selected_on(cell(epoch="best"), validation=True) == "validation"
    assert selected_on(cell(), validation=True) == "last"
    chosen = selected_on(cell(epoch=150.0, epoch_is="end of a cycle"), validation=False)
    assert chosen == "epoch 150 (end of a cycle)"


def test_a_record_of_another_identity_is_stale(stored):
    archive = stored[2]
    assert [one.name for one in archive.stale("x", (), "another")] == [NAME]
    assert archive.stale("x", (), "0123456789") == archive.stale("x", ("lr=1",), "another") == []


def test_a_run_that_failed_counts_and_hides_paths(tmp_path):
    write_run(tmp_path / "runs", failed="OSError: no space at /home/someone/x/y")
    (record,) = read_archive(tmp_path).records.values()
    assert record.failed == "OSError: no space at (a path)" and record.seed == 3
    assert record.curves["epoch"] == [1.0, 2.0] and "results" not in record.rest["settings"]


def test_a_run_that_failed_says_where_it_ran_and_what_it_cost(tmp_path):
    folder = write_run(tmp_path / "runs", failed="killed")
    environment = {"commit": "abc", "device": "a device", "numerics": 3, "cores": 2}
    (folder / "environment.json").write_text(json.dumps(environment))
    with (folder / "metrics.jsonl").open("a") as lines:
        lines.write('{"epoch": 3.0, "se')
    (record,) = read_archive(tmp_path).records.values()
    assert record.head.items() >= {"commit": "abc", "device": "a device", "numerics": 3}.items()
    assert record.head["cost"] == {"epochs": 2.0, "gradient_evaluations": 4.0, "seconds": 2.0}
    assert record.rest["environment"] == environment


def test_a_failed_record_gives_way_to_a_run_that_did_not_fail(tmp_path):
    write_run(tmp_path / "elsewhere" / "runs", failed="killed")
    (failed,) = read_archive(tmp_path / "elsewhere").records.values()
    write_record(tmp_path / "records" / "p", failed, [])
    write_run(tmp_path / "runs")
    (record,) = read_archive(tmp_path).records.values()
    assert record.failed is None


def test_an_unfinished_run_is_none_yet(tmp_path):
    folder = write_run(tmp_path / "runs")
    (folder / "record.json").unlink()
    (tmp_path / "runs" / "notes").mkdir()
    archive = read_archive(tmp_path)
    assert archive.records == {} and archive.unfinished == {("0123456789", 3): folder}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((damaged, "a.json is damaged; delete it") for damaged in (b"{", b"[]", b"", b"\xff\xfe")),
        *((head, "a.json is damaged") for head in (b'{"format": 2}', b'{"format": "x"}')),
        (b'{"format": 99}', "a.json has format 99"),
    ],
)
def test_records_that_cannot_be_read_are_named_and_hide_no_other(stored, content, message):
    file = stored[0]
    (file.parent / "a.json").write_bytes(content)
    archive = read_archive(file.parents[2])
    assert [*archive.records] == [("0123456789", 3)] and [*archive.unreadable] == ["a"]
    assert message in archive.unreadable["a"]


def test_a_record_that_was_cut_is_unreadable(stored):
    file, record, _ = stored
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0])
    archive = read_archive(file.parents[2])
    assert archive.records == {} and f"{file} is damaged" in archive.unreadable[NAME]
    file.write_text(lines[0] + "no" + lines[2])  # its end is there, but not its middle
    with pytest.raises(Unreadable, match=f"{file.name} is damaged"):
        value(record, cell(epoch=1.0))


@pytest.mark.parametrize("name", ["record.json", "status.json", "environment.json"])
def test_a_damaged_run_folder_is_named(tmp_path, name):
    folder = write_run(tmp_path / "runs", failed="killed")
    (folder / name).write_text("{]")
    archive = read_archive(tmp_path)
    assert archive.records == archive.unfinished == {}
    assert f"{folder / name} is damaged; rerun=true" in archive.unreadable[NAME]
