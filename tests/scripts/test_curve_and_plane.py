"""A curve between two runs: trained, killed and resumed, evaluated, and drawn in its plane."""

import json

import curve
import numpy as np
import plane
import pytest
import torch
from commands import Command, bitwise, final_weights
from commands import run as command
from finished import DIGITS, arrays, finished
from matplotlib.image import imread
from safetensors.torch import load_file

from basin.analysis.points import SCORES, measure
from basin.analysis.vectors import weights_of
from basin.experiment.finished import FinishedRun
from basin.experiment.summary import final_score
from basin.model.wide_resnet import WideResNet

KILL = ("basin.training.bookkeeping", "Bookkeeping.begin", 6)
"""Before the sixth of eight updates."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two ends, and a curve between them of four epochs."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        finished(folder, f"end-s{seed}", *DIGITS, seed=seed)
    command(*arguments(folder, folder), output=folder / "curve.txt")
    return folder


def arguments(folder, results):
    ends = ["model.start=end-s0", "model.end=end-s1", f"model.runs={folder}", f"results={results}"]
    options = ["model=curve", "model@model.base=wrn_16_1", "model.bends=2", "weight_decay=0"]
    length = ["epochs=4", "evaluate_every=4", "runtime.checkpoint_every=3 steps"]
    return [*DIGITS, *options, *length, *ends]


@pytest.fixture(scope="module")
def run(folder):
    (path,) = folder.glob("curve_digits_*")
    return path


def test_its_ends_stay_and_its_bends_move(folder, run):
    text = (folder / "curve.txt").read_text()
    assert (
        "t0.5: test accuracy" in text and "sweeps read the last epoch's test error of t0.5" in text
    )
    weights = load_file(run / "last.safetensors")
    ends = [load_file(folder / f"end-s{seed}" / "last.safetensors") for seed in (0, 1)]
    name = "stages.2.0.conv1.weight"
    for j, end in ((0, ends[0]), (3, ends[1])):
        own = f"points.{j}."
        kept = {k.removeprefix(own): v for k, v in weights.items() if k.startswith(own)}
        assert name in kept and all(torch.equal(end[key], kept[key]) for key in kept)
    for j in (1, 2):
        line = torch.lerp(ends[0][name], ends[1][name], j / 3)
        assert (weights[f"points.{j}.{name}"] - line).abs().max() > 1e-3


def test_sweeps_read_the_point_of_its_own_statistics(run):
    record = json.loads((run / "record.json").read_text())
    errors = {name: one["final"]["test"]["error"] for name, one in record["results"].items()}
    assert final_score(record) == ("error", errors["t0.5"]) and errors["t0.5"] != errors["last"]


@pytest.mark.slow
def test_a_killed_run_ends_bitwise_the_same(folder, run, tmp_path):
    words = arguments(folder, tmp_path)
    assert Command(*words, output=tmp_path / "b.txt", kill_at=KILL).wait() == -9
    assert "continuing at epoch 1.5" in command(*words, output=tmp_path / "c.txt")
    assert bitwise(final_weights(tmp_path), load_file(run / "last.safetensors"))


def test_a_point_of_a_curve_is_a_solution_of_the_base_network(run):
    network = FinishedRun(run / "t0.5", device="cpu").solution()
    assert isinstance(network, WideResNet) and not network.training


def test_scores_along_it_begin_and_end_with_those_of_its_ends(folder, run, tmp_path, capsys):
    out = tmp_path / "curve"
    words = [f"run={run.name}", f"results={folder}", "points=3", "train=40", "test=50"]
    words += [f"out={out}", "device=cpu"]
    assert curve.main(words) == 0
    printed = capsys.readouterr().out
    found = arrays(f"{out}.npz")
    assert found["ts"].tolist() == [0, 0.5, 1] and found["weight_decay"] == 5e-4
    for i, seed in ((0, 0), (2, 1)):
        end = FinishedRun(folder / f"end-s{seed}", device="cpu")
        scores = measure(
            end.solution(),
            train=lambda end=end: end.train(augmented=True, limit=40),
            test=lambda end=end: end.test(limit=50),
            weight_decay=5e-4,
        )
        assert [found[name][i] for name in SCORES] == pytest.approx([scores[n] for n in SCORES])
    assert found["test_error_max"] == found["test_error"].max()
    assert found["length"] == pytest.approx(found["dl"].sum())
    assert "train_loss" in printed and f"length {found['length']:.4f}" in printed
    assert imread(f"{out}.png").shape[2] == 4


def test_the_plane_of_a_curve(run, tmp_path):
    out = tmp_path / "plane"
    words = [f"run={run}", "points=3", "train=20", "test=20", "curve_points=5", f"out={out}"]
    assert plane.main([*words, "margin=0.5", "augmented=false", "device=cpu"]) == 0
    found = arrays(f"{out}.npz")
    width, height = found["width"], found["height"]
    np.testing.assert_allclose(found["corners"][:2], [[0, 0], [width, 0]], atol=1e-6)
    assert found["corners"][2, 1] == pytest.approx(height)
    np.testing.assert_allclose(found["grid"][0, 0], [-0.5 * width, -0.5 * height])
    assert found["train_loss"].shape == found["test_error"].shape == (3, 3)
    assert found["curve"].shape == (5, 3) and found["controls"].shape == (4, 3)
    np.testing.assert_allclose(found["controls"][2, :2], found["corners"][2], atol=1e-9)
    np.testing.assert_allclose(found["controls"][[0, 2, 3], 2], 0, atol=1e-4)
    assert found["controls"][1, 2] > 1e-3  # the other bend is outside of it
    assert imread(f"{out}.png").shape[2] == 4


def test_the_plane_of_three_runs(folder, run, tmp_path):
    out = tmp_path / "plane"
    runs = f"runs=[{folder}/end-s0,end-s1,{run.name}/t0.5]"
    words = [runs, "points=2", "margin=0", "train=20", "test=20", "device=cpu"]
    assert plane.main([*words, f"results={folder}", f"out={out}"]) == 0
    found = arrays(f"{out}.npz")
    assert "curve" not in found and found["weight_decay"] == 5e-4  # the optimizer's
    start = FinishedRun(folder / "end-s0", device="cpu")
    third = start.other(run / "t0.5.safetensors")
    away = weights_of(third) - weights_of(start.solution())
    assert np.linalg.norm(found["corners"][2]) == pytest.approx(away.norm().item())


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        (curve, ["run={0}/end-s0"], "is no curve"),
        (curve, ["run={0}/nothing"], "there is no such folder"),
        (curve, ["run={0}/end-s0/swa"], "no solution 'swa'; it has last"),
        (curve, ["run={1}", "points=1"], "points=1 is less than 2"),
        (curve, ["points=3"], "run= is needed"),
        (curve, ["run={1}", "points=many"], "points: Value 'many'"),
        (curve, ["run={1}", "ponts=3"], "ponts is not an option; there are run, points"),
        (curve, ["{1}"], "is not of the form field=value"),
        (curve, ["run={1}", "out=no/such/folder"], "there is no folder"),
        (curve, ["run={1}", "train=0"], "0 training examples"),
        (plane, ["points=3"], "one of the two"),
        (plane, ["run={0}/end-s0"], "is no curve"),
        (plane, ["runs=[{0}/end-s0,{0}/end-s1]"], "2 networks, not 3"),
        (plane, ["runs=[{0}/end-s0,{0}/end-s1,{0}/end-s1]"], "lie on a line"),
        (plane, ["runs=[{0}/end-s0,{0}/end-s1,{0}/wider]"], "has other shapes in"),
    ],
)
def test_what_the_scripts_refuse(folder, run, tmp_path, capsys, script, words, message):
    finished(folder, "wider", *DIGITS, "model=wrn_16_4") if "wider" in words[0] else None
    given = [word.format(folder, run) for word in words]
    if not any(word.startswith("out=") for word in given):
        given.append(f"out={tmp_path}/x")
    assert script.main([*given, "device=cpu"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not list(tmp_path.iterdir())
