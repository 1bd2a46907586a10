"""reproduce.py action=run through the real sweeper and launchers, interrupted and continued."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from benchmarks.records import write_table
from first_stage import CONFIGS

REPRODUCE = str(CONFIGS.parent / "scripts" / "reproduce.py")
EPOCHS = 4
COMMON = {"experiment": "quickstart", "overrides": [f"epochs={EPOCHS}"], "seeds": [0, 1]}
CELLS = [
    {"row": "net", "column": "last"},
    {"row": "net", "column": "half way", "epoch": EPOCHS // 2},  # of the same runs
    {"row": "net", "column": "fast", "overrides": [f"epochs={EPOCHS}", "lr=0.2"], "seeds": [0]},
]


def command(folder, *words, launcher=()):
    where = [f"results={folder}", f"folder={folder / 'tables'}"]
    rest = ["--", "device=cpu", *launcher]
    return [sys.executable, REPRODUCE, "table=small", *where, *words, *rest]


def finished(folder):
    return sorted(path.parent.name for path in (folder / "runs").glob("*/record.json"))


def interrupt_after_the_first(folder, launcher):
    """As Ctrl-C in a terminal: to all processes of the group. Returns the exit code and output."""
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command(folder, "action=run", launcher=launcher),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        begun, deadline = folder / "runs", time.monotonic() + 120
        while len(list(begun.glob("*/metrics.jsonl"))) < 1 and process.poll() is None:
            assert time.monotonic() < deadline, (folder / "output").read_text()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        return process.wait(200), (folder / "output").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=local",)], ids=["here", "pool"])
def test_a_table_is_run_interrupted_and_continued(tmp_path, launcher):
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "small.yaml", CELLS, common=COMMON, paper="p")
    code, output = interrupt_after_the_first(tmp_path, launcher)
    assert code == 130, output
    before = finished(tmp_path)
    assert len(before) < 3, output
    times = {name: (tmp_path / "runs" / name / "record.json").stat().st_mtime_ns for name in before}
    again = command(tmp_path, "action=run", launcher=launcher)
    done = subprocess.run(again, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert f"{3 - len(before)} run" in done.stderr
    assert len(finished(tmp_path)) == 3  # not 5: two cells share theirs
    for name, when in times.items():
        assert (tmp_path / "runs" / name / "record.json").stat().st_mtime_ns == when
    last = subprocess.run(again, capture_output=True, text=True, timeout=200)
    assert last.stdout.strip() == "no run is missing"
    subprocess.run(command(tmp_path, "action=collect"), check=True, capture_output=True)
    records = list((tmp_path / "records" / "p").glob("*.json"))
    assert sorted(json.loads(file.read_text())["run"] for file in records) == finished(tmp_path)
