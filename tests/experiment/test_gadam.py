"""The presets of Gadam and GadamX: their values, how many iterates they average, a run in small."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import run
from test_configs import settings_of
from torch import nn

from basin.core.clock import Clock
from basin.experiment import build

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "experiment" / "gadam"
RECIPES = {  # 10-gadam, section 2: lr, ia_lr, weight decay
    "vgg16bn": {
        "swa": (0.1, 0.05, 5e-4),
        "gadam": (5e-4, 2.5e-4, 0.25),
        "gadamx": (0.1, 0.05, 2.5e-3),
    },
    "preresnet110": {
        "swa": (0.1, 0.05, 5e-4),
        "gadam": (1e-3, 5e-4, 0.1),
        "gadamx": (0.1, 0.05, 2.5e-3),
    },
    "resnext29": {
        "swa": (0.1, 0.05, 5e-4),
        "gadam": (1e-3, 5e-4, 0.3),
        "gadamx": (0.1, 0.05, 3e-3),
    },
}


PRESETS = sorted(
    path.stem
    for path in FOLDER.glob("*_cifar100_*.yaml")
    if path.stem.split("_")[-1] in RECIPES["vgg16bn"]
)
CLOCK = Clock(50_000, 128)


def stage_of(preset, *overrides):
    _, stages = settings_of(f"experiment=gadam/{preset}", *overrides)
    (stage,) = stages.values()
    return stage


def test_each_network_has_the_three_methods():
    expected = {f"{net}_cifar100_{method}" for net in RECIPES for method in RECIPES[net]}
    assert set(PRESETS) == expected


@pytest.mark.parametrize("preset", PRESETS)
def test_values_and_the_number_of_iterates(preset):
    net, _, method = preset.split("_")
    stage = stage_of(preset)
    lr, ia_lr, decay = RECIPES[net][method]
    optimizer = stage["optimizer"]
    assert (optimizer["lr"], optimizer["weight_decay"]) == (lr, decay)
    assert stage["schedule"]["lr"]["floor"] * lr == pytest.approx(ia_lr)
    assert stage["schedule"]["lr"]["horizon"] == 161
    if method == "gadamx":
        assert (optimizer["partial"], optimizer["decoupled"]) == (0.125, True)
    for start, iterates in ((None, 139), (161, 140)):  # the authors' count; that of SWA's code
        changed = [] if start is None else [f"averaging.swa.start={start}"]
        averager = build.method(stage_of(preset, *changed), nn.Linear(1, 1), CLOCK)[1]["swa"]
        for epoch in range(1, 301):
            for t in (epoch - 0.5, float(epoch)):
                averager.observe(SimpleNamespace(t=t, model=nn.Linear(1, 1)))
        assert averager.state_dict()["count"] == iterates


@pytest.mark.parametrize(
    ("method", "start"), [pytest.param("gadam", 3, marks=pytest.mark.slow), ("gadamx", 2)]
)
def test_a_run_in_small_averages_from_its_start(tmp_path, method, start):
    run(
        f"experiment=gadam/vgg16bn_cifar100_{method}",
        *("model=resnet20", "dataset=fake", "dataset.train=32", "dataset.test=16"),
        *("epochs=4", "batch_size=16", "schedule.lr.horizon=2", f"averaging.swa.start={start}"),
        *("device=cpu", "runtime.threads=1", "logger=none", "evaluate_every=1"),
        f"results={tmp_path}/runs",
        output=tmp_path / "output",
    )
    (folder,) = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    averaged = ["swa" in line["solutions"] for line in lines]
    assert averaged == [epoch >= start for epoch in range(1, 5)]
