"""The quadratic experiments through the command line, held against their closed forms."""

import json
import sys

import numpy as np
import pytest
import torch
from commands import final_weights, run

import train
from basin.dataset.ridge import Ridge

PLAIN = ["logger=none", "dataset.noise=0", "evaluate_every=1", "epochs=12"]
NOISY = ["experiment=lookahead/quadratic", "epochs=5", "evaluate_every=1", "logger=none"]
RIDGE = {"num": 60, "dimension": 8, "noise": 1.0}


def risks(tmp_path, *arguments):
    """Excess risk of each solution by epoch, and the record."""
    tmp_path.mkdir(exist_ok=True)
    run(*arguments, f"results={tmp_path}/runs", output=tmp_path / "output")
    (folder,) = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    record = json.loads((folder / "record.json").read_text())
    return [
        {name: parts["test"]["excess_risk"] for name, parts in line["solutions"].items()}
        for line in lines
    ], record


def fields(**values):
    return [f"dataset.{key}={value}" for key, value in values.items()]


@pytest.mark.parametrize(
    ("experiment", "values", "lr"),
    [
        ("lookahead/quadratic", 1 / np.arange(1, 101), 0.5),
        ("autodrop/quadratic", np.arange(1, 201) / 10, 0.06),
    ],
)
def test_gradient_descent_contracts_each_direction(tmp_path, experiment, values, lr):
    found, record = risks(tmp_path, f"experiment={experiment}", *PLAIN)
    expected = [(values * (1 - lr * values) ** (2 * t)).sum() / 2 for t in range(1, 13)]
    assert [one["last"] for one in found] == pytest.approx(expected, rel=1e-12)
    assert record["results"]["last"]["final"]["test"] == {"excess_risk": found[-1]["last"]}
    assert record["cost"]["steps"] == 12 and record["cost"]["parameters"] == len(values)


def test_adam_and_its_average(tmp_path):
    arguments = ["experiment=gadam/quadratic", *PLAIN, "averaging.swa.start=8"]
    found, record = risks(tmp_path, *arguments, "dataset.dimension=20")
    normal = torch.randn(20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q, r = np.linalg.qr(normal.numpy())
    q = q * np.sign(np.diag(r))  # columns are eigenvectors
    hessian = q @ np.diag(1 / np.arange(1, 21)) @ q.T
    w, m, v, iterates = np.zeros(20), 0.0, 0.0, []
    for t in range(1, 13):
        g = hessian @ (w - 1)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.02 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        iterates.append(w)
    last = [(one - 1) @ hessian @ (one - 1) / 2 for one in iterates]
    mean = [np.mean(iterates[7:t], axis=0) - 1 for t in range(8, 13)]
    assert [one["last"] for one in found] == pytest.approx(last, rel=1e-10)
    averaged = [one @ hessian @ one / 2 for one in mean]
    assert [one["swa"] for one in found[7:]] == pytest.approx(averaged, rel=1e-10)
    assert record["results"]["swa"]["best"]["test"]["excess_risk"] == found[-1]["swa"]


def ridge():
    given = {"root": None, "file": None, "scale": 1.0, "exponent": 1.0, "problem": 0, "l2": 1e-3}
    return Ridge(**{**given, **RIDGE})


def test_gradient_descent_on_ridge_goes_to_the_ridge_solution(tmp_path):
    """The l2 term by weight decay: the risk would not contract so where it were another."""
    problem = ridge()
    features, targets = problem.examples
    hessian = features.T @ features / 60 + 1e-3 * torch.eye(8, dtype=torch.float64)
    values, directions = torch.linalg.eigh(hessian)
    start = -directions.T @ torch.linalg.solve(hessian, features.T @ targets / 60)
    found, _ = risks(
        tmp_path,
        *("experiment=eigencurve/ridge", "schedule=constant", "logger=none", "evaluate_every=1"),
        *("epochs=12", "batch_size=60", "lr=0.5", *fields(**RIDGE)),
    )
    expected = [
        (values * ((1 - 0.5 * values) ** t * start) ** 2).sum().item() / 2 for t in range(1, 13)
    ]
    assert [one["last"] for one in found] == pytest.approx(expected, rel=1e-10)


def test_ridge_an_example_an_update(tmp_path):
    found, record = risks(tmp_path, "experiment=eigencurve/ridge", "logger=none", *fields(**RIDGE))
    features, targets = ridge().examples
    best, w = ridge().optimum, final_weights(tmp_path / "runs")["fc.weight"][0]

    def loss(w):
        return ((features @ w - targets) ** 2).mean() / 2 + 1e-3 * (w @ w) / 2

    assert found[-1]["last"] == pytest.approx((loss(w) - loss(best)).item(), rel=1e-12)
    assert record["cost"]["steps"] == 60
    text = (tmp_path / "output").read_text()
    assert f"last: test excess_risk {found[-1]['last']:.4g}" in text and "accuracy" not in text


def test_noise_is_new_at_every_update_and_the_seeds(tmp_path):
    first, _ = risks(tmp_path / "a", *NOISY, "seed=0")
    again, _ = risks(tmp_path / "b", *NOISY, "seed=0", "micro_batch=30")
    other, _ = risks(tmp_path / "c", *NOISY, "seed=1")
    values = [one["last"] for one in first]
    assert values == pytest.approx([one["last"] for one in again], rel=1e-12)
    assert values != pytest.approx([one["last"] for one in other], rel=1e-3)


def test_what_the_user_reads(tmp_path):
    text = run(
        *("experiment=lookahead/quadratic", "epochs=2", "evaluate_every=1"),
        f"results={tmp_path}/runs",
        output=tmp_path / "output",
    )
    assert "last test excess_risk" in text and "train error" not in text
    assert "sweeps read the last epoch's test excess_risk" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["objective=cross_entropy"], ["objective: cross_entropy", "squared_error"]),
        (["augment=mixup"], ["augment=mixup", "augment=none"]),
        (["augment=crop_flip"], ["augment=crop_flip", "augment=none"]),
        (["model.bias=true"], ["101 parameters", "100 weights", "model.bias=false"]),
        (["model.size=2"], ["400 parameters", "model.size=1"]),
        (["model=resnet20"], ["linear model", "model=linear"]),
        (["dataset.noise=-1"], ["dataset.noise=-1"]),
        (["dataset.spectrum=absent"], ["dataset.spectrum", "no file"]),
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch, capfd, tmp_path, arguments, words):
    experiment = ["experiment=lookahead/quadratic", f"results={tmp_path}/runs"]
    if arguments[0] == "model=resnet20":  # whose keys are not those of the experiment's model
        experiment = ["dataset=quadratic", "objective=squared_error", "augment=none", experiment[1]]
    monkeypatch.setattr(sys, "argv", ["train.py", *experiment, *arguments])
    assert train.main() == 1
    error = capfd.readouterr().err
    assert all(word in error for word in words) and "Traceback" not in error
    assert not list(tmp_path.glob("runs/*"))
