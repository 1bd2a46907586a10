"""scripts/evaluate.py on 16 runs of 3 snapshots, as SGDR's table has them."""

import json
from shutil import copytree

import evaluate
import pytest
import torch
from finished import DIGITS, finished
from safetensors.torch import save_file

from basin.experiment.finished import FinishedRun

RUNS, MEMBERS = 16, ["snapshots_0", "snapshots_1", "snapshots_2"]


def snapshots(template, seed):
    """A run of three linear networks with random weights."""
    run = template.with_name(f"run-s{seed}")
    copytree(template, run)
    chance = torch.Generator().manual_seed(seed)
    networks = []
    for member in MEMBERS:
        weight = 0.1 * torch.randn(10, 64, generator=chance)  # no ties of near-certain votes
        bias = torch.randn(10, generator=chance)
        networks.append((weight, bias))
        save_file({"fc.weight": weight, "fc.bias": bias}, run / f"{member}.safetensors")
    cost = {"gradient_evaluations": 7.0, "forward_only": 0.0}
    record = {
        "seed": seed,
        "seeds": {"seed_subset": seed},
        "identity": "same",
        "stages": {"train": {"identity": "same", "spent": cost}},
        "cost": cost,
        "environment": {},
        "format": 1,
        "dataset": {"classes": list("0123456789"), "shape": [1, 8, 8], "test": 360},
        "results": {"last": {}, "snapshots": {"members": MEMBERS}},
    }
    (run / "record.json").write_text(json.dumps(record))
    return run, networks


@pytest.mark.slow
def test_48_networks_are_the_mean_of_their_softmaxes(tmp_path, capsys):
    template = finished(tmp_path, "template", *DIGITS, "model=linear", "model.size=8")
    made = [snapshots(template, seed) for seed in range(RUNS)]
    out = tmp_path / "report.json"
    words = [f"ensemble=[{','.join(str(run) for run, _ in made)}]", "solution=snapshots"]
    assert evaluate.main([*words, "device=cpu", f"output={out}"]) == 0
    report = json.loads(out.read_text())
    ensemble = report["ensemble"]
    assert (ensemble["runs"], ensemble["passes"], ensemble["repeated"]) == (16, 48, [])
    assert "ensemble of 48 networks of 16 runs" in capsys.readouterr().out
    batches = list(FinishedRun(made[0][0], device="cpu").test(limit=None))
    images = torch.cat([images for images, _ in batches]).flatten(1)
    labels = torch.cat([labels for _, labels in batches])
    mean = sum(
        (images @ weight.T + bias).double().softmax(1)
        for _, networks in made
        for weight, bias in networks
    ) / (RUNS * len(MEMBERS))
    nll = -mean.log().gather(1, labels[:, None]).mean().item()
    assert ensemble["scores"]["test"]["nll"] == pytest.approx(nll, rel=1e-4)
    wrong = 100 * (mean.argmax(1) != labels).double().mean().item()
    assert ensemble["scores"]["test"]["error"] == pytest.approx(wrong, abs=1e-4)
    assert report["cost"]["gradient_evaluations"] == 16 * 7
