import subprocess
import sys
from pathlib import Path

import models
import psutil
import pytest
import torch
from benchmarks.models import Amount, measure, training_bytes

ROOT = Path(__file__).resolve().parents[2]


def table(*arguments):
    """The cells of the command's rows by option."""
    command = [sys.executable, str(ROOT / "scripts" / "models.py"), *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [[cell.strip() for cell in text.strip("| \n").split("|")] for text in output.split("\n")]
    return {row[0]: row[1:] for row in rows if row[0]}


@pytest.mark.slow
def test_two_options_on_the_command_line():
    rows = table("resnet20", "wrn_16_1", "batch=2", "repeats=1", "classes=100")
    assert list(rows) == ["option", "---", "resnet20", "wrn_16_1"]
    for option, count in (("resnet20", "275,572"), ("wrn_16_1", "180,916")):
        shape, parameters, flops, forward, both = rows[option]
        assert (shape, parameters) == ("3 x 32 x 32", count)
        assert float(flops) > 0.04 and float(forward) > 0 and float(both) > 0


def amount(**changes):
    return Amount(**{"classes": 10, "batch": 2, "size": None, "repeats": 1, **changes})


def test_without_times_nothing_is_run():
    row = measure("resnet50_imagenet", amount(classes=1000), None)
    assert (row.shape, row.parameters) == ((3, 224, 224), 25557032)
    assert 8.1e9 < row.flops < 8.3e9 and row.forward is None and not row.problem


def test_flops_grow_with_the_size():
    small, large = (measure("resnet20", amount(size=size), None).flops for size in (32, 64))
    assert 3.99 < large / small < 4  # all but the linear layer's


def test_memory_of_a_step_is_known_without_it():
    network = torch.nn.Sequential(torch.nn.Linear(30, 50, bias=False), torch.nn.Sigmoid())
    network.to("meta")
    images, outputs = 4 * 3 * 30, 4 * 3 * 50  # bytes of the input and of what Sigmoid keeps
    assert training_bytes(network, (30,), 3) == 2 * 4 * 1500 + images + outputs


def test_too_large_a_model_says_so_in_its_row(monkeypatch):
    free = type("Memory", (), {"available": 2**20})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    row = measure("resnet20", amount(), torch.device("cpu"))
    assert row.problem.startswith("not timed: needs 0.0 GiB at batch=2") and row.forward is None
    assert models.cells(row)[2] == "269,722"


def test_a_model_that_fails_leaves_the_others(capsys):
    assert models.main(["vgg16", "resnet20", "time=false", "size=8"]) == 1
    broken, whole = capsys.readouterr().out.splitlines()[2:]
    assert "269,722" in whole and "15,245,130" in broken and "too small" in broken


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("wrn_28_100", "wrn_28_100 is no option; did you mean wrn_28_10?"),
        ("bacth=3", "bacth=3 is no field; did you mean batch?"),
        ("batch=0", "batch=0 is not a number of 1 or more"),
        ("time=no", "time=no is not true or false"),
    ],
)
def test_refusals(word, message, capsys):
    with pytest.raises(SystemExit):
        models.main([word])
    assert message in capsys.readouterr().err
