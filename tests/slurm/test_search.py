"""A search by an array of workers, as docs/tuning.md has it."""

import json
import os
import signal
import sys

import pytest
import yaml
from commands import ROOT
from on_slurm import run, until
from searches import CONTENT

pytestmark = pytest.mark.slurm
SMALL = ["dataset.limit_train=64", "batch_size=16", "evaluate_every=9"]


def report(folder, *words):
    command = [sys.executable, "scripts/tune.py", "action=report", f"folder={folder}", *words]
    run(*command)
    return json.loads((folder / "s" / "report.json").read_text())


def test_an_array_of_workers_one_of_which_is_killed(cluster, tmp_path):
    """Six tasks, two at a time: what is lost goes on, and the tasks after the end leave at once."""
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump({**CONTENT, "overrides": [*CONTENT["overrides"], *SMALL]}))
    rest = ["device=cpu", "logger=none", "runtime.threads=1", f"results={tmp_path / 'runs'}"]
    words = [f"search={file}", f"folder={tmp_path}", "study=s", "action=work", "--", *rest]
    command = f"exec {sys.executable} {ROOT}/scripts/tune.py {' '.join(words)}"
    options = ["--array=0-5%2", "--signal=B:USR2@120", "--time=5", f"--output={tmp_path}/%a.log"]
    environment = f"--export=ALL,PYTHONPATH={ROOT / 'src'},OMP_NUM_THREADS=1"
    job = run("sbatch", "--parsable", environment, *options, "--wrap", command).strip()

    holders = until(lambda: [*tmp_path.glob("runs/*/lock.json")])
    os.kill(json.loads(holders[0].read_text())["pid"], signal.SIGKILL)
    until(lambda: not run("squeue", "-h", "-j", job).strip())
    content = report(tmp_path, "study=s")
    logs = [path.read_text() for path in sorted(tmp_path.glob("*.log"))]
    assert content["over"] and [one["configurations"] for one in content["rungs"]] == [9, 3, 1]
    assert content["budget"]["epochs"] == 21 and content["budget"]["failed_attempts"] == 1
    assert sum("goes on from its last checkpoint" in log for log in logs) == 1
    assert len(logs) == 6 and not any("Traceback" in log for log in logs)
    assert not any("rung 0" in log for log in logs[4:])  # the search was over
