import json
import subprocess
import sys

from basin.logger.jsonl import JsonLines


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_an_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = JsonLines(path)
    assert log.position() == 0
    log.epoch({"epoch": 1, "train": {"loss": 0.1 + 0.2}})
    log.progress({"t": 1.5})
    log.epoch({"epoch": 2, "train": {"loss": float("nan")}})
    log.finish({"error": 1})
    assert lines(path) == [
        {"epoch": 1, "train": {"loss": 0.1 + 0.2}},
        {"epoch": 2, "train": {"loss": None}},
    ]
    assert log.position() == path.stat().st_size


def test_rewinds_to_what_a_checkpoint_knows(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = JsonLines(path)
    log.epoch({"epoch": 1})
    position = log.position()
    log.epoch({"epoch": 2})
    with path.open("a") as file:
        file.write('{"epoch": 3, "tr')
    again = JsonLines(path)
    assert lines(path) == [{"epoch": 1}, {"epoch": 2}]
    assert again.rewind(position) == 0
    again.epoch({"epoch": 2, "again": True})
    assert lines(path) == [{"epoch": 1}, {"epoch": 2, "again": True}]


def test_a_shorter_file_is_not_padded(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert JsonLines(path).rewind(5) == 5
    log = JsonLines(path)
    log.epoch({"epoch": 1})
    assert log.rewind(log.position() + 7) == 7
    assert lines(path) == [{"epoch": 1}]


def test_a_full_disk_tears_no_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    script = (
        "import resource, signal, sys, pathlib\n"
        "from basin.logger.jsonl import JsonLines\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "log = JsonLines(pathlib.Path(sys.argv[1]))\n"
        "log.epoch({'epoch': 1})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "log.epoch({'epoch': 2, 'text': 'x' * 1000})\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1] == f"OSError: [Errno 27] File too large: '{path}'"
    assert path.read_text() == '{"epoch": 1}\n'
