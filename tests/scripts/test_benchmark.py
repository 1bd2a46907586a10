import json
from pathlib import Path

import benchmark
import pytest
import torch
from benchmarks import images, loop, memory, peak_products, startup, step
from benchmarks import input as images_per_second
from benchmarks.result import Measured, Result, slug
from benchmarks.sides import Bare, Ours
from first_stage import first_stage

from basin.training.precision import Precision
from basin.training.ranges import PARTS

SMALL = ["device=cpu", "batch_size=8"]


@pytest.fixture
def random_images(monkeypatch):
    monkeypatch.delenv("BASIN_DATA", raising=False)


def small_stage(**fields):
    overrides = [*SMALL, "model=wrn_16_1", "dataset=cifar10", "dataset.limit_train=40", "epochs=9"]
    overrides += [f"{name}={value}" for name, value in fields.items()]
    return first_stage(overrides, images.RandomImages(40))


def test_both_loops_do_the_same_maths_on_the_same_batches(tmp_path):
    ours = Ours(small_stage(precision="fp64"), tmp_path)
    bare = Bare(small_stage(precision="fp64"))
    assert loop.agreement(ours, bare, steps=7) < 1e-9  # an epoch is 5 steps


def test_other_maths_is_noticed(tmp_path):
    ours = Ours(small_stage(precision="fp64", weight_decay=0.5), tmp_path)
    assert loop.agreement(ours, Bare(small_stage(precision="fp64")), steps=3) > 1e-3


def test_ours_stops_after_the_steps_asked_for(tmp_path):
    stage = small_stage()
    ours = Ours(stage, tmp_path)
    ours.run(2)
    ours.run(1)
    assert stage.parts.state.counters.step == 3


def test_loop_in_two_steps(random_images, monkeypatch):
    amount = loop.Amount(pairs=2, steps=2, memory_runs=1, random_images=32)
    monkeypatch.setattr(loop, "processes", lambda *_: [memory.peak("ours", 1, 32, SMALL)])
    result = loop.measure(amount, SMALL)
    values = {row.name: row for row in result.rows}
    assert len(values["time, ours / bare"].values) == 2
    assert values["time, ours / bare"].at_most == 1.03
    assert values["peak memory, ours / bare"].at_most == 1.05


@pytest.mark.slow
def test_peak_memory_of_a_process():
    ((most, grown),) = memory.processes("bare", 1, (1, 32), SMALL)
    assert 0 < grown < most


def test_input_in_two_batches(random_images):
    amount = images_per_second.Amount(1, 2, 2, workers=0, random_images=1280)
    result = images_per_second.measure(amount, ["device=cpu"])
    assert [len(row.values) for row in result.rows] == [1, 1, 1]
    assert result.rows[2].median > 1 and result.rows[2].at_least == 10


def test_step_of_two_layouts(random_images):
    amount = step.Amount(2, 1, 32, ("false",), ("nchw", "channels_last"), ("fp32",))
    result = step.measure(amount, [*SMALL, "model=lenet"])
    values = {row.name: row for row in result.rows}
    first, second = "eager, nchw, fp32", "eager, channels_last, fp32"
    assert list(values[f"{first}: images, over those of the first"].values) == [1, 1]
    assert len(values[f"{second}: images"].values) == 2
    parts = [values[f"{second}: {part}, profiled"].median for part in PARTS]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(values[f"{second}: all parts, profiled"].median)
    assert "host waits" not in result.text()


def test_ways_that_step_does_not_know(random_images):
    amount = step.Amount(1, 1, 32, ("maybe",), ("nchw",), ("fp32",))
    with pytest.raises(SystemExit, match="--compile=maybe: give one or more of false,true"):
        step.measure(amount, SMALL)


def test_products_are_counted_in_full(monkeypatch):
    """2 n^3 a product: one that takes no time would be of infinite speed, one of 1 s of 2 n^3."""
    clock = iter((0.0, 2.0))
    monkeypatch.setattr(peak_products.time, "perf_counter", lambda: next(clock))
    precision = Precision("fp32", torch.device("cpu"))
    assert peak_products.products_per_second(precision) == 2 * 2048**3 * 2 / 2.0


@pytest.mark.slow
def test_startup_once(capsys):
    result = startup.measure(startup.Amount(helps=1, compositions=1, first_steps=1))
    assert [row.at_most for row in result.rows] == [3, 0.5, 10]
    assert all(row.median > 0 for row in result.rows)


def test_table_files_and_exit_code(tmp_path, monkeypatch, capsys):
    rows = [Measured("ratio", [1.0, 1.1, 1.2, 1.5], "", at_most=1.03), Measured("time", [2.0], "s")]
    result = Result("loop", torch.device("cpu"), {"batch": 128}, rows, ["a note"])
    assert "| ratio | 1.15  | 1.075 to 1.275 | 4 | <= 1.03: NOT met |" in result.text()
    page, data = result.write(tmp_path)
    assert result.text() in page.read_text() and "torch" in page.read_text()
    content = json.loads(data.read_text())
    assert content["rows"][0]["values"] == [1.0, 1.1, 1.2, 1.5]
    assert str(Path.home()) not in data.read_text()
    monkeypatch.setattr(benchmark, "_measure", lambda chosen: result)
    assert benchmark.main(["loop"]) == 1
    assert "a note" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "met"), [(10.0, True), (9.9, False)])
def test_at_least(value, met):
    assert Measured("ratio", [value], "", at_least=10).met is met


def test_slug():
    assert slug("NVIDIA H200") == "nvidia-h200"


@pytest.mark.slow
def test_updates_are_timed_beside_torchs():
    from benchmarks import optimizers

    result = optimizers.measure(optimizers.SMALL, [], ["device=cpu"])
    rows = {row.name: row for row in result.rows}
    options = [path.stem for path in (optimizers.CONFIGS / "optimizer").glob("*.yaml")]
    assert len(options) > 20
    for option in options:
        for quantity in ("update", "of foreach SGD", "of foreach Adam"):
            assert rows[f"{option}: {quantity}"].median > 0
        assert 0 <= rows[f"{option}: state"].median < 40
    assert rows["adapnm: state"].median == 16  # four float32 numbers a parameter
    assert rows["sam: state"].median == 4 and rows["koala_v: state"].median < 0.001
    for option in ("adapnm", "padam", "lamb", "koala_v"):
        assert rows[f"{option}: of foreach Adam"].at_most == 1.5
    assert rows["pnm: of foreach SGD"].at_most == 2
    assert rows["lookahead: of its base"].at_most == 1.15
    assert rows["sam: own work, of foreach SGD"].at_most == 2


def test_an_unknown_optimizer_is_refused():
    from benchmarks import optimizers

    with pytest.raises(ValueError, match="adampp: no option of configs/optimizer"):
        optimizers.measure(optimizers.Amount(1, 1, "wrn_16_1"), ["adampp"], [])


@pytest.mark.slow
def test_ten_thousand_records_are_read_in_time_and_memory():
    from benchmarks import tables

    result = tables.measure(tables.Amount(cells=100, seeds=100, epochs=20, repeats=3))
    assert result.met, result.text()
