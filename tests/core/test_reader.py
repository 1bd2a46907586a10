"""head on a command: no traceback, exit code 141, on a real pipe."""

import subprocess
import sys

import pytest
from commands import ROOT

LONG = """
import sys
from basin.core.reader import quietly
def main():
    {}
sys.exit(quietly(main))
"""


def head(*command, lines=1):
    """What is read before the pipe is closed, what was said on stderr, and the exit code."""
    pipe = subprocess.PIPE
    words = [sys.executable, *command]
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
        read = [process.stdout.readline() for _ in range(lines)]
        process.stdout.close()
        return read, process.stderr.read().decode(), process.wait(60)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[print('line', i) for i in range(100_000)]; return 0", 141),
        (
            "try: [print(i, flush=True) for i in range(100_000)]\n    except OSError: return 1",
            141,
        ),
        ("print('all of it', flush=True); return 3", 3),
    ],
)
def test_a_reader_that_has_gone_ends_the_command(body, code):
    read, said, ended = head("-c", LONG.format(body))
    assert read[0] and said == "" and ended == code


def test_the_help_of_the_command_line():
    _, said, ended = head("train.py", "--help", lines=0)
    assert said == "" and ended in (0, 141)
