"""What a missing run costs, by the nearest that was measured on the device."""

import json
from dataclasses import replace

import pytest

from basin.report.paper.cost import duration
from basin.report.paper.rates import Rates, read_flops
from basin.report.paper.recipe import Recipe, work
from basin.report.paper.records import Record

FLOPS = {"net": 1e6, "wide": 4e6}


def recipe(model="net", *, epochs=10.0, images: int | None = 100, optimizer="SGD", size=100):
    settings = {
        **{"model": {"_target_": f"m.{model}"}, "batch_size": 10, "precision": "fp32"},
        **{"optimizer": {"_target_": f"o.{optimizer}"}, "averaging": {}},
        "dataset": {"_target_": "d.Images", "limit_train": size},
    }
    return Recipe(model, f"{model}_d_0", "d", settings, epochs, 1.0, images)


def finished(of, *, device="gpu", seconds=20.0):
    """10 epochs of 100 images, two gradients each."""
    cost = {"epochs": 10.0, "seconds": seconds, "passes": 10.0, "gradient_evaluations": 20.0}
    cost |= {"images_per_second": 1000 / seconds, "forward_flops_per_image": FLOPS[of.model]}
    head = {"device": device, "work": work(of.settings), "cost": cost}
    return Record(head, dict, stored=True)


@pytest.mark.parametrize(
    ("asked", "seconds", "basis"),
    [
        (recipe(epochs=5.0), 10.0, "1 run on gpu"),
        (recipe(optimizer="SAM", size=50, images=50), 10.0, "another optimizer, average or input"),
        (recipe("wide", epochs=5.0), 20.0, "scaled by FLOPs at one gradient a step"),
        (recipe("unheard", images=100), None, "nothing like it was run on gpu"),
        (replace(recipe("wide"), own_model=True), None, "FLOPs of its network cannot be counted"),
        (replace(recipe("wide"), own_model=True, own_flops=2e6), 20.0, "scaled by FLOPs"),
        (recipe(epochs=None), None, "its length is in steps"),
        (recipe("wide", images=None), None, "size of its data set"),
    ],
)
def test_the_nearest_counts(asked, seconds, basis):
    rates = Rates("gpu", FLOPS)
    rates.see([finished(recipe()), finished(recipe(), device="another", seconds=1.0)])
    found = rates.of(asked)
    assert found.seconds == pytest.approx(seconds) and basis in found.basis


def test_a_benchmark_counts_where_nothing_was_run(tmp_path):
    rows = [{"name": "a step, ours", "median": 100.0}, {"name": "a step, bare", "median": 1.0}]
    settings = {"model": "net", "batch": 10}
    for device, name in (("gpu", "loop_a"), ("another", "loop_b")):
        content = {"settings": settings, "rows": rows, "environment": {"device": device}}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "models.json").write_text(json.dumps({"forward_flops_per_image": FLOPS}))
    rates = Rates("gpu", read_flops(tmp_path / "models.json"))
    rates.read_benchmarks(tmp_path)
    found = rates.of(recipe("wide"))  # 10 epochs of 10 steps, each of four times 0.1 s
    assert found.seconds == pytest.approx(40.0) and "results/benchmarks" in found.basis


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (119, "119 s"), (315, "5.25 min"), (18720, "5.2 h"), (56912177, "659 days")],
)
def test_a_cost_is_in_the_largest_unit_of_which_there_are_two(seconds, text):
    assert duration(seconds) == text
