"""RMTR from the command line: its costs in the record, and what is refused before any work."""

import json

import pytest
from commands import run
from test_refusals import refused  # noqa: F401

SPIRALS = ["experiment=rmtr/spirals", "dataset.train=60", "dataset.test=20", "logger=none"]
POINTS = ["dataset=spirals", "dataset.train=60", "batch_size=60", "augment=none", "device=cpu"]
POINTS += ["optimizer=rmtr", "model=euler_resnet"]


@pytest.mark.slow
def test_a_record_has_the_work_and_says_so(tmp_path):
    words = [
        *SPIRALS,
        "epochs=2",
        "optimizer.batch=60",
        "batch_size=20",
        f"results={tmp_path}/runs",
    ]
    text = run(*words, output=tmp_path / "output")
    (folder,) = (tmp_path / "runs").iterdir()
    record = json.loads((folder / "record.json").read_text())
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    work = record["cost"]["work_units"]
    assert 0 < work == line["work_units"] < record["cost"]["gradient_evaluations"]
    assert f"({work:.4g} work units)" in text and line["sample_size"] == 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["precision=bf16"], ["precision=bf16", "optimizer=rmtr", "precision=fp32"]),
        (["model=linear", "model.size=1"], ["optimizer.levels=2", "Linear", "model=euler_resnet"]),
        (["optimizer.levels=4"], ["optimizer.levels=4 are too many: at level 3, nodes=2"]),
        (["optimizer.batch=61", "batch_size=20"], ["optimizer.batch=61", "60 training images"]),
        (["batch_size=61"], ["batch_size=61", "60 training images"]),
        (["augment=crop_flip"], ["augment=crop_flip", "augment=none"]),
        (
            ["optimizer=sam", "optimizer@optimizer.base=rmtr"],
            ["sam around rmtr", "sam around sgd, or rmtr alone"],
        ),
    ],
    ids=lambda value: value[0],
)
def test_what_does_not_fit_is_named(refused, words, said):  # noqa: F811
    error = refused(*POINTS, *words)
    for word in said:
        assert word in error, error


def test_a_format_that_auto_means_is_refused_too(refused, monkeypatch):  # noqa: F811
    monkeypatch.setattr("basin.experiment.run.resolve", lambda name, device: "bf16")
    assert "precision=bf16 rounds losses" in refused(*POINTS, "precision=auto")
