"""lr_range.py: the ramp, where it stops, and that it writes into its own folder only."""

import json

import lr_range
import pytest
from PIL import Image

RUN = ["dataset=digits", "augment=none", "model=linear", "model.size=8", "device=cpu"]
RUN += [
    "dataset.limit_train=200",
    "batch_size=20",
    "epochs=4",
    "optimizer.momentum=0",
    "optimizer.nesterov=false",
]
HELD_OUT = ["dataset.validation=100"]


def run(folder, *words):
    code = lr_range.main([*RUN, *words, "--out", str(folder)])
    return code, json.loads((folder / "lr_range.json").read_text()) if code == 0 else None


def test_a_linear_ramp_is_the_papers(tmp_path, monkeypatch, capsys):
    """lr = low + (high - low) it / max_iter; nothing is written elsewhere."""
    monkeypatch.chdir(tmp_path)
    code, written = run(tmp_path / "own", *HELD_OUT, "--shape", "linear", "--points", "20")
    assert code == 0 and [path.name for path in tmp_path.iterdir()] == ["own"]
    assert sorted(p.name for p in (tmp_path / "own").iterdir()) == ["lr_range.json", "lr_range.png"]
    rates = [point["lr"] for point in written["points"]]
    low, high = 1e-4, 1.0
    expected = [low + (high - low) * update / 40 for update in range(1, 40, 2)]
    assert rates == pytest.approx(expected, rel=1e-12)
    assert written["accuracy_of"] == "validation" and written["suggestion"] is not None
    out = capsys.readouterr().out
    assert "the ramp's end was reached" in out and "selected on test" not in out
    with Image.open(tmp_path / "own" / "lr_range.png") as picture:
        assert picture.width > 600


def test_an_exponential_ramp_stops_where_the_loss_diverges(tmp_path, capsys):
    code, written = run(tmp_path, "--high", "1e6", "--points", "40")
    assert code == 0 and written["ended"].startswith("the loss diverged at lr=")
    rates, losses = ([point[k] for point in written["points"]] for k in ("lr", "loss"))
    assert len(rates) < 35 and losses[-1] > max(losses[0], 4 * min(losses))
    ratios = [b / a for a, b in zip(rates, rates[1:], strict=False)]
    assert ratios == pytest.approx([(1e6 / 1e-4) ** (1 / 40)] * len(ratios))
    assert written["accuracy_of"] == "test" and "selected on test" in capsys.readouterr().out


def test_a_loss_that_is_no_number_ends_it_too(tmp_path):
    words = ["--high", "1e38", "--low", "1e37", "--points", "40"]
    code, written = run(tmp_path, *words)
    assert code == 0 and "not finite" in written["ended"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["epochs=1"], "10 measurements, one an update at the most, are too few: 15 updates"),
        (["--points", "14"], "--points=14: give 15 or more"),
    ],
)
def test_too_few_updates_suggest_nothing(words, said, tmp_path, capsys):
    """The optimizer's options come between those of the script, as anyone might write them."""
    code, written = run(tmp_path, *HELD_OUT, "--high", "10", *words, "optimizer.weight_decay=0")
    assert code == 0 and written["suggestion"] is None
    out = capsys.readouterr().out
    assert f"no suggestion: {said}" in out and "suggested" not in out


def test_it_says_where_not_even_the_first_point_was_reached(tmp_path, capsys):
    assert run(tmp_path / "own", "--high", "1e38", "--low", "1e37", "--points", "4")[0] == 1
    assert "before the first point: lower --low" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr=0.1"], "lr=0.1: the range test sets lr"),
        (["schedule=cosine"], "use --low, --high"),
        (["--low", "2"], "0 < low < high"),
        (["--points", "1"], "--points=1"),
        (["optimizer=sgdd"], "sgdd"),
    ],
)
def test_what_it_refuses(words, said, tmp_path, capsys):
    assert run(tmp_path / "own", *words)[0] == 1
    assert said in capsys.readouterr().err and not (tmp_path / "own").exists()
