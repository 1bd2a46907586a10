import json

import phase
import pytest
import yaml
from matplotlib.image import imread

from basin.report.phase import equilibrium, jumps
from basin.report.runs import Run

LOSSES = [2.0, 0.5, 0.1, 1.2, 0.3, 0.05, 0.4, 0.6, 0.02]


def folder(tmp_path, name, *, weight_decay, target="basin.optimizer.sgd.SGD", si=True):
    path = tmp_path / name
    path.mkdir()
    settings = {"lr": 0.1, "weight_decay": weight_decay, "optimizer": {"_target_": target}}
    (path / "config.yaml").write_text(yaml.safe_dump(settings))
    metrics = {"si_norm": 3.0, "effective_lr": 0.01, "effective_gradient_norm": 2.0} if si else {}
    lines = [
        {"epoch": i, "lr": 0.1, "train": {"loss": loss}, "solutions": {}, **metrics}
        for i, loss in enumerate(LOSSES, start=1)
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_jumps_are_counted_from_the_least_loss_since_the_one_before():
    epochs = range(1, 10)
    assert jumps(epochs, LOSSES, 10) == [4, 8]
    assert jumps(epochs, LOSSES, 20) == [] and jumps(epochs, sorted(LOSSES)[::-1], 2) == []


def test_the_equilibrium_is_the_papers():
    """lr 0.01, decay 0.001: an effective rate of 0.0044721 where the gradient is 1."""
    settings = {"weight_decay": 0.001, "optimizer": {"_target_": "basin.optimizer.sgd.SGD"}}
    run = Run(path=None, settings=settings, lines=[{"lr": 0.01}], record=None)
    assert equilibrium(run) == pytest.approx(0.0044721, rel=1e-4)
    settings["optimizer"]["momentum"] = 0.9
    assert equilibrium(run) is None
    settings["optimizer"]["momentum"] = 0.0
    settings["weight_decay"] = 0.0
    assert equilibrium(run) is None
    settings |= {"weight_decay": 0.1, "optimizer": {"_target_": "basin.optimizer.sphere.Sphere"}}
    assert equilibrium(run) is None


def test_two_runs(tmp_path, capsys):
    runs = [folder(tmp_path, f"r{decay}", weight_decay=decay) for decay in (0.01, 0.0)]
    picture = tmp_path / "phase.png"
    assert phase.main([*map(str, runs), "--output", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "SGD, lr 0.1, weight_decay 0.01 (r0.01): 2 jumps, epoch 4, 8; norm from 3" in printed
    assert imread(picture).shape[2] == 4


def test_what_it_refuses(tmp_path, capsys):
    plain = folder(tmp_path, "plain", weight_decay=0.1, si=False)
    assert phase.main([str(plain)]) == 1 and phase.main([str(tmp_path / "no")]) == 1
    assert phase.main([str(plain), "--factor", "1"]) == 1
    said = capsys.readouterr().err
    assert "has no norm of scale-invariant weights" in said and "there is no such folder" in said
    assert "--factor 1.0 is not above 1" in said
