import errno
import os
import pty
import re
import subprocess
import sys

import pytest

from basin.logger.console import Console, duration

SCRIPT = """
from basin.logger.console import Console
console = Console(interval_seconds=30.0)
for t in (0.5, 1.0):
    console.progress({"t": t, "epochs": 2, "loss": 1.5, "error": 42.0, "lr": 0.1,
                      "images_per_second": 5123.4, "seconds_left": 75})
console.epoch({"epoch": 1, "train": {"loss": 1.5, "error": 40.0}, "lr": 0.1,
               "solutions": {"last": {"test": {"error": 33.3333, "nll": 1.0}}}})
console.finish({"error": 33.3333})
"""
EPOCH = "epoch 1  train loss 1.5  train error 40  lr 0.1  last test error 33.33"
PROGRESS = {"epochs": 2, "loss": 1.5, "error": 42.0, "lr": 0.1, "images_per_second": None}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_plain_lines_where_there_is_no_terminal():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert ended.stdout.splitlines() == [EPOCH, "error 33.33"]
    assert ended.stderr == ""


def test_a_line_each_interval_within_an_epoch(capsys):
    clock = Clock()
    console = Console(interval_seconds=30.0, clock=clock)
    for clock.now in range(0, 100, 10):
        console.progress({"t": clock.now / 100, **PROGRESS, "seconds_left": 3700})
    expected = [f"epoch {t}/2  loss 1.5  error 42  lr 0.1  1:01:40 left" for t in (0.3, 0.6, 0.9)]
    assert capsys.readouterr().out.replace("0/2", "/2").splitlines() == expected


def test_one_bar_on_a_terminal():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, env=environment) as run:
        os.close(theirs)
        output = b""
        while piece := read(ours):
            output += piece
    os.close(ours)
    assert run.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())
    bar = r"epoch 1\.00/2 .*loss 1\.5  error 42  lr 0\.1  5123 images/s  1:15 left"
    assert re.search(bar, text)
    assert EPOCH in text


def read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's end of a terminal that the other side closed
        return b""


def test_an_output_that_went_away_ends_no_run(monkeypatch):
    class Gone:
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

        def isatty(self):
            return False

        def flush(self):
            pass

    console = Console(interval_seconds=30.0)
    monkeypatch.setattr(sys, "stdout", Gone())
    console.epoch({"epoch": 1})


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (75.4, "1:15"), (3700, "1:01:40")])
def test_duration(seconds, text):
    assert duration(seconds) == text
