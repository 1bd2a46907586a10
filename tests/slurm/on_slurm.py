"""Sweeps on the private cluster, and what the tests do to their jobs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from commands import MINI, ROOT, Command

HERE = Path(__file__).parent
CLUSTER = Path(os.environ.get("BASIN_SLURM", "/tmp/basin-slurm"))
POINT = [*MINI[2:], "experiment=quickstart"]
"""Of a run whose `epochs` are still to be given: 6 updates each, about 0.1 s."""


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(condition, seconds=240.0):
    """The first value of a condition that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
    raise TimeoutError(condition)


class Sweep:
    """`python train.py -m ... hydra/launcher=slurm` into folders of its own."""

    def __init__(self, folder, *words, train=None):
        self.folder, self.words, self._train = folder, words, train
        self.output = folder / "output"
        self.arguments = [
            "-m",
            *words,
            f"results={folder}/runs",
            f"hydra.sweep.dir={folder}/sweeps",
        ]
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, *more):
        """The driver, as a process."""
        return Command(*self.arguments, "hydra/launcher=slurm", *more, output=self.output)

    def submit(self, *more, code=0):
        """Run the driver to its end; what it printed."""
        before = len(self.text())
        assert self.start(*more).wait(200) == code, self.text()
        return self.text()[before:]

    def sequential(self, folder, seconds=400.0):
        """The same points by Hydra's basic launcher, undisturbed."""
        words = ["-m", *self.words, f"results={folder}/runs", f"hydra.sweep.dir={folder}/sweeps"]
        folder.mkdir()
        assert Command(*words, output=folder / "output").wait(seconds) == 0
        return {path.name: path for path in (folder / "runs").iterdir() if path.is_dir()}

    def text(self):
        return self.output.read_text() if self.output.exists() else ""

    @property
    def runs(self):
        """Run folders in the order of the sweep's table."""
        (table,) = self.folder.glob("sweeps/*/sweep.json")
        return [Path(row["folder"]) for row in json.loads(table.read_text())["rows"]]

    def script(self, name, *arguments, code=0):
        """A script of this project about this sweep."""
        (table,) = self.folder.glob("sweeps/*/sweep.json")
        command = [sys.executable, f"scripts/{name}.py", str(table.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def log(self, index):
        return Path(read(self.runs[index], "submission")["log"]).read_text()

    def finished(self):
        """Wait until every run is done."""
        until(lambda: all((run / "record.json").exists() for run in self.runs))


def read(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def job(folder):
    return read(folder, "submission")["job"]


def epochs(folder):
    """How many evaluations are done."""
    path = folder / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def pid(folder):
    return read(folder, "lock").get("pid")


def kill(folder):
    """SIGKILL the process of a run, as the kernel does where memory is short."""
    os.kill(until(lambda: pid(folder)), signal.SIGKILL)


def state(job):
    return run("squeue", "-h", "-r", "-t", "all", "-o", "%T", "-j", job).strip()


def restarts(job):
    return int(run("scontrol", "show", "job", job).partition("Restarts=")[2].split()[0])
