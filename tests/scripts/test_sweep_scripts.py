"""The scripts on a sweep's folders; what they do to jobs needs a cluster (tests/slurm)."""

import csv
import json
import sys

import cancel
import pytest
import resubmit
import status
import summarise

from basin.launch import slurm
from basin.launch.status import Status
from basin.launch.submission import Submission
from basin.launch.table import Row, Table, read_table

SCORES = {"error": 5.0, "nll": 0.2}


def record(seed, error):
    final = {"epoch": 2, "test": {**SCORES, "error": error}}
    cost = {"gradient_evaluations": 2.0, "seconds": 1.5, "steps": 12}
    results = {"last": {"final": final}, "swa": {"final": final}}
    return {"run": f"r-s{seed}", "seed": seed, "results": results, "cost": cost}


@pytest.fixture
def sweeps(tmp_path, monkeypatch):
    """Two seeds of one point that are done, one that failed, and one that no job was given."""
    monkeypatch.setattr(slurm, "_ask", lambda *command: None)
    rows = []
    for seed in range(4):
        folder = tmp_path / f"runs/r-s{seed}"
        folder.mkdir(parents=True)
        words = ["lr=0.1", f"seed={seed}", "name='a, b'"]
        rows.append(Row(words=words, label=f"seed={seed}", folder=str(folder)))
        if seed < 2:
            Status(folder).write("done", epoch=2.0, epochs=2.0)
            (folder / "record.json").write_text(json.dumps(record(seed, 4.0 + seed)))
    log = tmp_path / "log"
    log.write_text("what the job printed\n")
    failed = tmp_path / "runs/r-s2"
    Status(failed).failed(ValueError("the loss is not finite\nmore"))
    Submission(launcher="slurm", job="7_2", log=str(log), sweep="", snapshot=None).write(failed)
    folder = tmp_path / "sweeps/swa_vgg16-0123abcd"
    folder.mkdir(parents=True)
    Table(launcher="slurm", rows=rows).write(folder)
    return ["--sweeps", str(tmp_path / "sweeps")]


@pytest.mark.parametrize("name", [[], ["swa/vgg16"], ["swa_vgg16-0123abcd"]])
def test_status_by_every_name(name, sweeps, capsys):
    assert status.main([*name, *sweeps]) == 0
    text = capsys.readouterr().out
    assert "failed  " in text and "ValueError: the loss is not finite" in text
    assert "not submitted" in text and "4 points: 2 done, 1 queued, 1 failed" in text
    assert status.main([*name, *sweeps, "--watch"]) == 0  # nothing goes on: there is no more to see


def test_the_log_of_a_point(sweeps, capsys):
    assert status.main([*sweeps, "--log", "3"]) == 0
    text = capsys.readouterr().out
    assert "Error" in text and "what the job printed" in text and "r-s2" in text
    assert status.main([*sweeps, "--log", "5"]) == 1
    assert "between 1 and 4" in capsys.readouterr().err


def test_a_summary_hides_neither_failures_nor_results(sweeps, tmp_path, capsys):
    output = tmp_path / "table.csv"
    assert summarise.main(["swa/vgg16", *sweeps, "--output", str(output), "--parquet"]) == 1
    text = capsys.readouterr().out
    assert "error 4.50 % +- 0.71 (n=2, test)  last" in text and "1 queued, 1 failed" in text
    with output.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["state"] for line in table] == ["done"] * 4 + ["failed", "queued"]
    assert table[1]["solution"] == "swa" and table[0]["test_error"] == "4.0"
    assert table[0]["name"] == "'a, b'"
    import pyarrow.parquet

    whole = pyarrow.parquet.read_table(output.with_suffix(".parquet")).to_pylist()
    assert [line["seed"] for line in whole] == [0, 0, 1, 1, None, None]
    for seed in (2, 3):
        folder = tmp_path / f"runs/r-s{seed}"
        Status(folder).write("done")
        (folder / "record.json").write_text(json.dumps(record(seed, 5.0)))
    assert summarise.main(["swa/vgg16", *sweeps]) == 0
    assert "n=4" in capsys.readouterr().out


def test_wrong_names_are_answered_with_those_there_are(sweeps, tmp_path, capsys):
    assert status.main(["swa/vgg19", *sweeps]) == 1
    assert "swa_vgg16-0123abcd" in capsys.readouterr().err
    assert summarise.main([str(tmp_path / "runs"), *sweeps]) == 1
    assert cancel.main(["swa/vgg16", "9", *sweeps]) == 1
    assert "between 1 and 4" in capsys.readouterr().err
    assert cancel.main(["swa/vgg16", *sweeps]) == 0
    assert "cancelled 0 jobs" in capsys.readouterr().out
    with pytest.raises(ValueError, match="scancel failed"):
        slurm.cancel(["7"])


def test_one_run_that_cannot_be_read_hides_no_other(sweeps, tmp_path, capsys):
    folder = tmp_path / "runs/r-s3"
    folder.rmdir()
    folder.write_text("no folder")
    assert status.main(sweeps) == 0
    text = capsys.readouterr().out
    assert "2 done, 2 failed" in text and "r-s3 cannot be read: Not a directory" in text
    assert summarise.main(["swa/vgg16", *sweeps]) == 1
    assert "n=2" in capsys.readouterr().out


def test_a_local_sweep_is_resubmitted_by_its_command_and_only_where_points_are_left(
    sweeps, tmp_path, capsys
):
    folder = tmp_path / "sweeps/swa_vgg16-0123abcd"
    Table(launcher="local", rows=read_table(folder).rows).write(folder)
    assert resubmit.main(["swa/vgg16", *sweeps]) == 1
    assert "own command goes on with the 2 of 4 points" in capsys.readouterr().err
    for seed in (2, 3):
        Status(tmp_path / f"runs/r-s{seed}").write("done")
        (tmp_path / f"runs/r-s{seed}/record.json").write_text("{}")
    assert resubmit.main(["swa/vgg16", *sweeps]) == 0
    text = capsys.readouterr().out
    assert "4 points: 4 done" in text and "nothing is missing" in text


def test_status_does_not_load_torch():
    """1,000 points in under 3 s leaves no time for it."""
    import subprocess

    code = "import sys; import status, summarise, cancel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd="scripts", check=False).returncode == 0
