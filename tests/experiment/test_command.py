"""The real command line, end to end, on small runs."""

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from commands import MINI, Command, bitwise, final_weights, run
from safetensors.torch import load_file

from basin.experiment import devices


def record_of(results: Path):
    (path,) = results.glob("*/record.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with a validation split and an average."""
    results = tmp_path_factory.mktemp("finished")
    arguments = [*MINI, "dataset.validation=100", "averaging=swa", "averaging.swa.start=2"]
    arguments += [f"results={results}", "metrics.per_tensor=true", "runtime.profile=true"]
    arguments = [
        a if a != "dataset.limit_train=192" else "dataset.limit_train=160" for a in arguments
    ]
    return arguments, results, run(*arguments, output=results / "output")


def test_what_a_finished_run_prints(finished):
    _, results, text = finished
    (folder,) = (p for p in results.iterdir() if p.is_dir())
    assert f"run folder: {folder}" in text
    assert "dataset=cifar10" in text and " -m " in text and "compare.py" in text
    assert "selected on validation" in text and "swa: test accuracy" in text


def test_the_trace_names_the_parts_of_its_updates(finished):
    _, results, _ = finished
    (path,) = results.glob("*/trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    names = Counter(e["name"] for e in events if e.get("name", "").startswith("basin."))
    assert names == dict.fromkeys(
        ("basin.input", "basin.forward", "basin.backward", "basin.update"), 5
    )


def test_its_record(finished):
    _, results, _ = finished
    record = record_of(results)
    assert set(record["results"]) == {"last", "swa"}
    for result in record["results"].values():
        for part in ("validation", "test"):
            scores = result["final"][part]
            assert set(scores) == {"error", "error5", "nll", "ece"}
            assert 0 <= scores["error5"] <= scores["error"] <= 100 and 0 <= scores["ece"] <= 1
        assert result["best"]["selected_on"] == "validation"
    cost = record["cost"]
    assert cost["steps"] == 15 and cost["gradient_evaluations"] == cost["passes"] == 3
    assert cost["parameters"] == 175_066 - 288  # one input channel instead of three
    assert cost["forward_flops_per_image"] > 1e6 and cost["peak_memory_bytes"] > 1e6
    sizes = {"train": 160, "validation": 100, "test": 360, "shape": [1, 8, 8]}
    assert record["dataset"] == {**sizes, "classes": list("0123456789")}
    assert record["computed"]["precision"] == "fp32"
    assert record["computed"]["cudnn_tf32"] is False
    assert record["numerics"] == 3 and record["exact"] is True
    assert record["environment"]["packages"]["torch"] == str(torch.__version__).split("+")[0]
    text = json.dumps(record)
    assert str(results) not in text and str(Path.home()) not in text


def test_its_metrics_have_a_line_an_epoch_with_the_dynamics(finished):
    _, results, _ = finished
    (path,) = results.glob("*/metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [sorted(line["solutions"]) for line in lines] == [
        ["last"],
        ["last", "swa"],
        ["last", "swa"],
    ]
    for line in lines:
        assert 0 < line["update_to_weight"] < 1 and -1 <= line["update_cosine"] <= 1
        assert line["weight_norm"] > 1 and line["gradient_norm"] > 0 and "lr" in line
        layers = [v for k, v in line.items() if k.startswith("weight_norm/")]
        assert sum(v**2 for v in layers) ** 0.5 == pytest.approx(line["weight_norm"], rel=1e-5)


def test_its_tensors(finished):
    _, results, _ = finished
    (folder,) = (p for p in results.iterdir() if p.is_dir())
    logits = load_file(folder / "logits.safetensors")
    assert {k: (v.dtype, tuple(v.shape)) for k, v in logits.items()} == dict.fromkeys(
        ("last", "swa"), (torch.float16, (360, 10))
    )
    from basin.dataset.digits import Digits

    test = Digits(seed=0, mean=[0.3], std=[0.4], validation=0, limit_train=None).load().test
    for name, result in record_of(results)["results"].items():
        wrong = (logits[name].float().argmax(1) != test.labels).float().mean().item()
        assert 100 * wrong == pytest.approx(result["final"]["test"]["error"], abs=0.3)
    last, swa = (load_file(folder / f"{n}.safetensors") for n in ("last", "swa"))
    assert last.keys() == swa.keys() and not bitwise(last, swa)
    assert not list(folder.glob("*.pt")) and not (folder / "lock.json").exists()


def test_the_same_command_reports_and_machine_only_fields_do_not_matter(finished):
    arguments, results, first = finished
    again = run(*arguments, "runtime.threads=2", "name=other", output=results / "again")
    assert "This run is finished" in again
    assert re.findall("last: test.*", again) == re.findall("last: test.*", first)
    assert len(list(results.glob("*/record.json"))) == 1


def test_rerun_trains_anew(finished, tmp_path):
    arguments, results, _ = finished
    before = final_weights(results), record_of(results)["results"]
    text = run(*arguments, "rerun=true", output=tmp_path / "output")
    assert "This run is finished" not in text
    assert bitwise(before[0], final_weights(results)) and record_of(results)["results"] == before[1]


def test_micro_batches_precision_and_loggers(tmp_path):
    arguments = [a for a in MINI if a not in ("logger=none", "epochs=3")]
    arguments += ["epochs=1", "precision=fp64", "micro_batch=10", "logger=[console,tensorboard]"]
    text = run(*arguments, f"results={tmp_path}", output=tmp_path / "output")
    assert "epoch 1 " in text and list(tmp_path.glob("*/tensorboard/*"))
    assert all(
        v.dtype == torch.float64 for v in final_weights(tmp_path).values() if v.is_floating_point()
    )


def test_a_sweep_runs_every_point_and_returns_errors(tmp_path):
    arguments = [*MINI[:-1], "logger=none", "epochs=1", "seed=0,1", "lr=0.05,0.1"]
    arguments.remove("epochs=3")
    run(
        "-m",
        *arguments,
        f"results={tmp_path}",
        f"hydra.sweep.dir={tmp_path}/sweep",
        output=tmp_path / "o",
    )
    records = [json.loads(p.read_text()) for p in tmp_path.glob("*/record.json")]
    points = sorted((r["seed"], r["settings"]["optimizer"]["lr"]) for r in records)
    assert points == [(0, 0.05), (0, 0.1), (1, 0.05), (1, 0.1)]


def test_wrappers_nest_and_lr_reaches_the_innermost(tmp_path):
    arguments = [*MINI, "optimizer=lookahead", "optimizer@optimizer.base=sam", "lr=0.03"]
    run(*arguments, f"results={tmp_path}", output=tmp_path / "output")
    record = record_of(tmp_path)
    assert record["settings"]["optimizer"]["base"]["base"]["lr"] == 0.03
    assert record["cost"]["gradient_evaluations"] == 3 * 2


def test_a_key_of_a_wrapped_optimizer_is_named(tmp_path):
    text = run("optimizer=sam", "optimizer.momentum=0.8", output=tmp_path / "o", code=1)
    assert "optimizer.base.momentum" in text


STAGES = [
    *MINI,
    "stages.train={epochs:2}",
    "+stages.more={epochs:2,lr:0.01,optimizer_state:keep}",
]


SLOW = pytest.mark.slow


@pytest.mark.parametrize("step", [pytest.param(5, marks=SLOW), pytest.param(12, marks=SLOW), 15])
def test_two_stages_resume_bitwise(step, tmp_path):
    stages = [a for a in STAGES if not a.startswith("stages.train")] + ["+stages.train.epochs=2"]
    kill_at = ("torch.optim", "SGD.step", step)
    first = Command(
        *stages,
        "runtime.checkpoint_every=2 steps",
        f"results={tmp_path}/killed",
        output=tmp_path / "first",
        kill_at=kill_at,
    )
    assert first.wait() < 0
    run(*stages, f"results={tmp_path}/killed", output=tmp_path / "second")
    run(*stages, f"results={tmp_path}/straight", "runtime.profile=true", output=tmp_path / "third")
    assert len([*tmp_path.glob("straight/*/train/trace.json.gz")]) == 1  # of each stage one
    assert len([*tmp_path.glob("straight/*/trace.json.gz")]) == 1
    assert bitwise(final_weights(tmp_path / "killed"), final_weights(tmp_path / "straight"))
    lines = [
        json.loads(x)
        for x in next(tmp_path.glob("killed/*/metrics.jsonl")).read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines[2]["lr"] < 0.01 < lines[0]["lr"]


def test_two_stages_on_the_clock_of_the_run_have_the_rates_of_one(tmp_path):
    common = [a for a in MINI if a != "epochs=3"]
    stages = ["+stages.train.epochs=1", "+stages.train.clock=run"]
    stages += ["+stages.more={epochs:2,clock:run,optimizer_state:keep}"]
    run(*common, *stages, f"results={tmp_path}/two", output=tmp_path / "o")
    run(*common, "epochs=3", f"results={tmp_path}/one", output=tmp_path / "o")
    rates = [
        [json.loads(line)["lr"] for line in path.read_text().splitlines()]
        for path in (*tmp_path.glob("two/*/metrics.jsonl"), *tmp_path.glob("one/*/metrics.jsonl"))
    ]
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
    cost = record_of(tmp_path / "two")["cost"]
    assert cost["passes"] == cost["gradient_evaluations"] == 3


def test_cfg_and_info_are_those_of_a_hydra_application(tmp_path):
    text = run("--cfg", "job", "experiment=quickstart", output=tmp_path / "cfg")
    assert "batch_size: 64" in text
    assert "Defaults List" in run("--info", "defaults", output=tmp_path / "info")


def test_windows_is_refused(monkeypatch):
    import train

    monkeypatch.setattr(sys, "platform", "win32")
    for module in ("fcntl", "torch"):  # which Windows has not, or which is slow
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match="Windows"):
        train.main()


def test_cuda_without_a_number_is_the_current_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert devices.pick("cuda") == torch.device("cuda", 1)
    assert devices.pick("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(ValueError, match="cuda:2"):
        devices.pick("cuda:2")


def test_another_thread_count_continues_and_is_not_called_exact(tmp_path):
    arguments = [*MINI, f"results={tmp_path}"]
    kill_at = ("basin.training.reporting", "predict", 3)
    assert Command(*arguments, output=tmp_path / "first", kill_at=kill_at).wait() < 0
    text = run(*arguments, "runtime.threads=2", output=tmp_path / "second")
    assert "no longer bitwise" in text and "threads 1 -> 2" in text
    assert record_of(tmp_path)["exact"] is False
