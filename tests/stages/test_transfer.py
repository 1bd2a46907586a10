"""Transfer from end to end: half of the digits, and then a few examples of the other half."""

import json

import pytest
from commands import run
from safetensors.torch import load_file

COMMON = [
    *("model=wrn_16_1", "augment=none", "device=cpu", "logger=none", "runtime.threads=1"),
    *("dataset@dataset.base.base=digits", "optimizer.nesterov=false"),
]
FIRST = [
    *("dataset=classes", "dataset@dataset.base=few_shot", "dataset.keep=[0,1,2,3,4]", "epochs=4"),
    *("dataset.base.per_class=120", "dataset.base.fill=null", "batch_size=30", "lr=0.1"),
]
THEN = [
    *("dataset=classes", "dataset@dataset.base=few_shot", "dataset.keep=[5,6,7,8,9]"),
    *("dataset.base.per_class=10", "dataset.base.fill=null", "batch_size=50", "lr=0.05"),
    *("stages=fine_tune", "schedule=hyperrule", "epochs=40 steps", "evaluate_every=40"),
    "schedule.lr.supports=[[8,16,24,32,40],[1],[1]]",
]


def error(folder):
    record = json.loads((folder / "record.json").read_text())
    return record["results"]["last"]["final"]["test"]["error"]


@pytest.mark.slow
def test_a_network_trained_on_half_of_the_digits_learns_the_others_from_ten(tmp_path):
    def trained(name, *words):
        run(*COMMON, *words, f"results={tmp_path / name}", output=tmp_path / f"{name}.out")
        (folder,) = (tmp_path / name).iterdir()
        return folder

    before = trained("first", *FIRST)
    weights = f"stages.fine_tune.transfer.weights={before}"
    after, scratch = trained("then", *THEN, weights), trained("scratch", *THEN)
    assert error(before) < 10 and error(after) < error(scratch)
    old, new = (load_file(folder / "last.safetensors") for folder in (before, after))
    assert old.keys() == new.keys()
