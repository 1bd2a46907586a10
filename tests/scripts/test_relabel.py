"""From a finished run to the labels that it predicts, and to a run that is trained on them."""

import re

import pytest
import relabel
import torch
from finished import finished
from test_configs import settings_of

from basin.dataset.relabelled import read_labels
from basin.experiment.assembly import Assembly
from basin.experiment.check import check
from basin.training.precision import Precision

NETWORK = ["model=wrn_16_1", "augment=none", "batch_size=10", "device=cpu", "logger=none"]
NOISY = [
    *("dataset=label_noise", "dataset@dataset.base=digits", "dataset.base.limit_train=40"),
    *("dataset.rate=0.5", "dataset.exclude_true=true", *NETWORK),
]
AGAIN = [
    *("dataset=relabelled", "dataset@dataset.base.base=digits", "dataset.base.rate=0.5"),
    *("dataset.base.base.limit_train=40", "dataset.base.exclude_true=true", *NETWORK),
]


def loaded(words):
    settings, stages = settings_of(*words)
    precision = Precision("fp32", torch.device("cpu"))
    plan = check(settings, stages)
    return Assembly(settings, plan, device=torch.device("cpu"), precision=precision)


def test_labels_are_the_networks_and_fit_around_the_same_data(tmp_path, capsys):
    run = finished(tmp_path, "net-s0", *NOISY)
    assert relabel.main([f"run={run}", "device=cpu", f"output={tmp_path}/new"]) == 0
    printed = capsys.readouterr().out
    labels, origin = read_labels(tmp_path / "new")
    assembly = loaded(NOISY)
    torch.manual_seed(0)
    model = assembly.model()
    model.load_state_dict(relabel.FinishedRun(run, device="cpu").solution().state_dict())
    images, noisy = assembly.dataset.train.fetch(torch.arange(40), None)
    with torch.no_grad():
        expected = model.eval()(assembly.evaluator().prepare(images)).argmax(1)
    assert torch.equal(labels, expected) and origin["run"] == "net-s0"
    changed = float((labels != noisy).double().mean())
    assert f"{100 * changed:.2f} % of 40 labels changed" in printed
    assert "wrong labels: 50.00 % before, " in printed
    words = re.findall(r"^dataset=relabelled (\S+) (\S+)$", printed, flags=re.M)[0]
    data = loaded([*AGAIN, *words]).dataset
    assert torch.equal(data.train.labels, labels)
    assert data.notes == {"label_noise": 0.5, "relabelled": changed}
    other = "dataset.base.noise_seed=1"
    with pytest.raises(ValueError, match="the labels they replace"):
        loaded([*AGAIN, *words, other])


def test_a_data_set_without_noise_has_no_wrong_labels_to_count(tmp_path, capsys):
    words = ["experiment=quickstart", "dataset.limit_train=32", "batch_size=32", "device=cpu"]
    run = finished(tmp_path, "digits-s0", *words)
    assert relabel.main([f"run={run.name}", f"results={tmp_path}", "device=cpu"]) == 0
    assert "wrong labels" not in capsys.readouterr().out
    assert len(read_labels(run / "labels-last.safetensors")[0]) == 32
    assert relabel.main([f"run={run}", "solution=swa"]) == 1
    assert "has no solution 'swa'" in capsys.readouterr().err
