import gc
import json
import time
from pathlib import Path

import benchmark
import psutil
import pytest
import torch
from benchmarks import (
    evaluation,
    every_model,
    group,
    images,
    jpeg,
    loop,
    members,
    memory,
    models,
    peak_products,
    peer,
    ranks,
    startup,
    step,
    timm_train,
)
from benchmarks import input as images_per_second
from benchmarks.arguments import parser
from benchmarks.plain import Plain
from benchmarks.result import Measured, Result, slug
from benchmarks.sides import Bare, Ours
from first_stage import first_stage
from torch.utils.data import DataLoader

from basin.training.precision import Precision
from basin.training.ranges import PARTS

SMALL = ["device=cpu", "batch_size=8"]
TOY = Path(__file__).parents[1] / "dataset" / "folder"
FILES = [f"dataset.root={TOY}", "dataset.size=16", "dataset.resize=20", "batch_size=2"]
RATES = ("training", "evaluation")


@pytest.fixture
def random_images(monkeypatch):
    monkeypatch.delenv("BASIN_DATA", raising=False)


@pytest.fixture
def no_garbage_collection():
    gc.disable()
    yield
    gc.enable()


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


def test_jpeg_files_are_enlarged_and_drawn(monkeypatch):
    amount = jpeg.Amount((0,), pairs=2, batches=30, needed=600.0, shorter=200)
    result = jpeg.measure(amount, [*SMALL, *FILES])
    ours, theirs, ratio, each, cores = result.rows
    pairs = zip(ours.values, theirs.values, strict=True)
    assert list(ratio.values) == [a / b for a, b in pairs] and min(ratio.values) > 0
    assert list(cores.values) == [600 / rate for rate in each.values]
    assert "4 files; 53,400 pixels" in result.notes[0]
    assert result.theme == "jpeg-200"
    monkeypatch.setattr(jpeg, "cores", lambda: 6)
    assert jpeg._up_to_the_cores() == [0, 1, 2, 4, 6]


@pytest.mark.slow
def test_jpeg_workers_are_paid_for_and_end(no_garbage_collection):
    """The CPU time of workers counts, and none of them is left."""
    this = psutil.Process()
    before = {p.pid for p in this.children(recursive=True)}
    amount = jpeg.Amount((0, 2), pairs=1, batches=8, needed=600.0, shorter=900)
    result = jpeg.measure(amount, [*SMALL, *FILES])
    values = {row.name: row.median for row in result.rows}
    assert values["workers 2: ours, of a core"] < 2 * values["workers 0: ours, of a core"]
    left = [p for p in this.children(recursive=True) if p.pid not in before]
    assert {p.ppid() for p in left} <= {this.pid}  # of a fork server: none


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


def test_members_of_a_small_network(monkeypatch):
    monkeypatch.setattr(members, "IMAGES", 64)
    amount = members.Amount(members=2, pairs=2, steps=1, models=("lenet",))
    result = members.measure(amount, SMALL)
    one, several, ratio = result.rows
    pairs = zip(several.values, one.values, strict=True)
    assert list(ratio.values) == [a / b for a, b in pairs] and min(ratio.values) > 0
    assert float(result.notes[0].split("differ by ")[1].split()[0]) < 1e-3


def test_ranks_are_the_run_of_one_process_and_are_timed_beside_it(monkeypatch):
    monkeypatch.setattr(group, "IMAGES", 64)
    amount = ranks.Amount(processes=2, batch=8, threads=1, rounds=2, steps=1)
    result = ranks.measure(amount, ["device=cpu", "model=lenet", "precision=fp64"])
    values = {row.name: row.values for row in result.rows}
    for name in ("weak", "weak, local BN", "strong"):
        pairs = zip(values[f"{name}: 2 processes"], values["1 process"], strict=True)
        assert list(values[f"{name}: efficiency"]) == [a / (2 * b) for a, b in pairs]
    assert float(result.notes[0].split("process to ")[1].split()[0]) < 1e-9


def test_peer_in_small_epochs(random_images, monkeypatch):
    monkeypatch.setattr(peer, "BATCH", 8)
    monkeypatch.setattr(peer, "WORKERS", 0)
    result = peer.measure(peer.Amount("resnet20", 2, 40), SMALL, None)
    ours, theirs, ratio = (row for row in result.rows)
    assert result.theme == "peer-resnet20" and ratio.at_least == 1.5
    pairs = zip(ours.values, theirs.values, strict=True)
    assert list(ratio.values) == [a / b for a, b in pairs] and min(ratio.values) > 0
    assert "timm's train.py is left out" in result.text()


def test_the_plain_loop_trains_on_every_image(random_images):
    stage = small_stage(model="lenet", lr=0.05)
    before = [p.clone() for p in stage.parts.state.model.parameters()]
    rows = [(torch.full((3, 32, 32), k / 4), k) for k in range(8)]
    loop = Plain(stage, DataLoader(rows, batch_size=3))
    assert loop.epoch() == 8
    first = loop.loss
    assert all(not torch.equal(p, b) for p, b in zip(loop._model.parameters(), before, strict=True))
    for _ in range(30):
        loop.epoch()
    assert loop.loss < first and 0 <= loop.error < 100


LOG = "Train: 0 [   {}/390 (  1%)]  Loss: 2.3 (2.3)  Time: 1.0s,  64.0/s  (0.9s,   {}/s)  LR: 0\n"


def test_timms_rate_is_read_from_its_log(tmp_path):
    script = tmp_path / "train.py"
    lines = ["a line", LOG.format(0, "20.5"), LOG.format(1, "31.25"), LOG.format(2, "40.0")]
    script.write_text(f"print({''.join(lines)!r}, flush=True)\nimport time\ntime.sleep(60)")
    started = time.perf_counter()
    where = (script, tmp_path, "resnet18", torch.device("cpu"))
    assert timm_train.rate(*where, (8, 2)) == 31.25
    assert time.perf_counter() - started < 20
    script.write_text("raise SystemExit('no such model')")
    with pytest.raises(RuntimeError, match="before update 2:\nno such model"):
        timm_train.rate(*where, (8, 2))
    assert timm_train.commit_of(script) == "unknown"
    assert len(timm_train.commit_of(Path(__file__))) == 40


@pytest.mark.parametrize(
    ("model", "images", "script", "words"),
    [
        ("timm", 128, None, "peer=None: --model timm needs the path"),
        ("timm", 128, "nowhere.py", "peer=nowhere.py: --model timm needs"),
        ("timm", 128, __file__, "set BASIN_DATA"),
        ("resnet20", 100, None, "--images=100 is not a multiple of the batch, 128"),
    ],
)
def test_what_peer_refuses(random_images, model, images, script, words):
    with pytest.raises(SystemExit, match=words):
        peer.measure(peer.Amount(model, 1, images), SMALL, script)


def test_ways_that_step_does_not_know(random_images):
    amount = step.Amount(1, 1, 32, ("maybe",), ("nchw",), ("fp32",))
    with pytest.raises(SystemExit, match="--compile=maybe: give one or more of false,true,reduce"):
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
    assert len(optimizers.OPTIONS) > 20
    for option in optimizers.OPTIONS:
        for quantity in ("update", "of foreach SGD", "of foreach Adam"):
            assert rows[f"{option}: {quantity}"].median > 0
        assert 0 <= rows[f"{option}: state"].median < 40
    assert rows["adapnm: state"].median == 16  # four float32 numbers a parameter
    assert rows["sam: state"].median == 4 and rows["koala_v: state"].median < 0.001
    for option in ("adapnm", "padam", "lamb", "koala_v"):
        assert rows[f"{option}: of foreach Adam"].at_most == 1.5
    assert rows["pnm: of foreach SGD"].at_most == 2
    for base in ("sgd", "adamw"):
        assert rows[f"lookahead: of its base, {base}"].at_most == 1.15
    assert rows["sam: own work, of foreach SGD"].at_most == 2


def test_an_unknown_optimizer_is_refused():
    from benchmarks import optimizers

    with pytest.raises(ValueError, match="adampp: no option of configs/optimizer"):
        optimizers.measure(optimizers.Amount(1, 1, "wrn_16_1"), ["adampp"], [])


@pytest.mark.slow
def test_ten_thousand_records_are_read_in_time_and_memory():
    from benchmarks import tables

    result = tables.measure(tables.Amount(cells=100, seeds=100, epochs=20, repeats=3))
    bounds = {row.name: row for row in result.rows if row.at_most is not None}
    assert len(bounds) == 4
    for row in bounds.values():  # the best of three: tests share their cores
        assert min(row.values) <= row.at_most, result.text()


def test_eval_of_two_batch_sizes(random_images):
    amount = evaluation.Amount((5, 20), images=40, rounds=2)
    result = evaluation.measure(amount, [*SMALL, "model=lenet"])
    values = {row.name: row for row in result.rows}
    assert list(values["batch 5: images, over those of the first"].values) == [1, 1]
    both = [values[f"batch {size}: images"].values for size in (5, 20)]
    ratios = [large / small for small, large in zip(*both, strict=True)]
    assert values["batch 20: images, over those of the first"].values == pytest.approx(ratios)
    assert result.settings["images"] == "40 of random ones"


def test_models_have_sizes_and_speeds_or_say_why_not(monkeypatch):
    amount = models.Amount(classes=10, batch=2, size=None, repeats=1)
    result = every_model.measure(["lenet"], amount, "cpu")
    values = {row.name: row.median for row in result.rows}
    assert set(values) == {f"lenet: {n}" for n in ("parameters", "forward", *RATES)}
    assert values["lenet: forward"] == pytest.approx(8_612_000 / 1e9)
    assert all(values[f"lenet: {rate}"] > 0 for rate in RATES)
    monkeypatch.setattr(models, "training_bytes", lambda *_: 2**60)
    result = every_model.measure(["lenet"], amount, "cpu")
    assert len(result.rows) == 2 and "lenet: not timed: needs" in result.text()
    with pytest.raises(ValueError, match="lenet6: no option of configs/model"):
        every_model.measure(["lenet6"], amount, "cpu")


def test_the_command_line_of_every_theme():
    for theme in (
        *("loop", "input", "jpeg", "step", "peer", "models", "eval", "members", "ranks"),
        *("startup", "optimizers"),
    ):
        chosen = parser("").parse_args([theme])
        assert chosen.theme == theme and chosen.write is False
    assert parser("").parse_args(["eval", "--batches", "5,10"]).batches == (5, 10)
    assert parser("").parse_args(["jpeg", "--workers", "0,2"]).workers == (0, 2)
    for refused in (["eval", "--batches", "0"], ["jpeg", "--workers", "-1,2"]):
        with pytest.raises(SystemExit):
            parser("").parse_args(refused)
