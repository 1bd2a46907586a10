"""runtime.autotune: what is measured, what is chosen, and that the run is the same without it."""

import json
import sys

import pytest
import torch
from commands import MINI, bitwise, final_weights
from test_configs import settings_of

import train
from basin.experiment import autotune, trials, tuning_cache
from basin.experiment.autotune import HOPES, best, worth_compiling
from basin.experiment.check import check
from basin.experiment.trials import Timed
from basin.experiment.way import Way
from basin.training.reporting import Evaluator

LAST, FIRST = Way(True, False), Way(False, False)
COMPILED = Way(True, True)
SMALL = [*MINI, "epochs=1", "dataset.limit_train=64"]
"""Two updates."""
RUN = [*SMALL, "runtime.autotune=true"]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A cache folder of its own, and a measurement of runs of any length."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(autotune, "LEAST_UPDATES", 1)
    monkeypatch.setattr(trials, "ROUNDS", (1, 1))
    return tmp_path / "cache" / "basin" / "autotune"


@pytest.fixture
def command(monkeypatch, tmp_path, capfd):
    """What `train.py ARGUMENTS` says, in this process, with results in a folder of that name."""

    def call(folder, *arguments, code=0):
        words = ["train.py", *arguments, f"results={tmp_path / folder}"]
        monkeypatch.setattr(sys, "argv", words)
        assert train.main() == code
        return capfd.readouterr().err

    return call


def record_of(results):
    (path,) = results.glob("*/record.json")
    return json.loads(path.read_text())


def say(monkeypatch, seconds):
    """Let the measurement say so; returns what it is asked for."""
    asked = []

    def race(job, ways):
        asked.append(list(ways))
        return {way: seconds[way] for way in ways}

    monkeypatch.setattr(autotune, "race", race)
    return asked


def test_a_run_that_measures_and_keeps_its_way_is_bitwise_the_run_without(
    command, monkeypatch, tmp_path, cache
):
    monkeypatch.setattr(autotune, "MARGIN", 1.0)  # the configured way stays
    race, states = autotune.race, []

    def watched(job, ways):
        states.append(torch.get_rng_state())
        timed = race(job, ways)
        states.append(torch.get_rng_state())
        return timed

    monkeypatch.setattr(autotune, "race", watched)
    said = command("with", *RUN)
    assert torch.equal(*states)
    assert "runtime.autotune (measured): channels_last, eager" in said
    command("without", *SMALL)
    weights = [final_weights(tmp_path / name) for name in ("with", "without")]
    assert bitwise(*weights)
    with_, without = record_of(tmp_path / "with"), record_of(tmp_path / "without")
    assert with_["identity"] == without["identity"] and with_["results"] == without["results"]
    assert without["tuning"] is None
    tuning = with_["tuning"]
    assert tuning["way"] == "channels_last, eager" and tuning["source"] == "measured"
    assert set(tuning["seconds"]) == {"channels_last, eager", "NCHW, eager"}
    assert all(one["step"] > 0 and one["start"] == 0 for one in tuning["seconds"].values())
    (file,) = cache.glob("*.json")
    key = json.loads(file.read_text())["key"]
    assert key["batch"] == 32 and key["precision"] == "fp32" and key["threads"] == 1
    assert str(tmp_path) not in file.read_text()


def test_the_chosen_way_is_run_kept_in_the_cache_and_by_a_run_that_goes_on(
    command, monkeypatch, tmp_path
):
    asked = say(monkeypatch, {LAST: Timed(2.0, 0.0), FIRST: Timed(1.0, 0.0)})
    evaluate, calls = Evaluator.evaluate, []

    def failing(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("a mishap")
        return evaluate(self, *args, **kwargs)

    monkeypatch.setattr(Evaluator, "evaluate", failing)
    assert "a mishap" in command("runs", *RUN, "epochs=2", code=1)
    assert asked == [[LAST, FIRST]]
    say(monkeypatch, {})  # another measurement would fail
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    said = command("runs", *RUN, "epochs=2")
    assert "continuing at epoch 1.000" in said and "no longer bitwise" not in said
    record = record_of(tmp_path / "runs")
    assert record["computed"]["channels_last"] is False and record["exact"] is True
    assert record["tuning"]["source"] == "measured"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "runtime.autotune (cache): NCHW, eager" in command("again", *RUN)
    command("nchw", *SMALL, "epochs=2", "model.channels_last=false")
    assert bitwise(final_weights(tmp_path / "runs"), final_weights(tmp_path / "nchw"))


def test_a_short_run_measures_nothing(command, monkeypatch):
    say(monkeypatch, {})
    monkeypatch.setattr(autotune, "LEAST_UPDATES", 5)
    said = command("short", *RUN)
    assert "2 updates are too few to measure; channels_last, eager" in said


def test_what_is_kept_is_read_again_unless_it_is_damaged(cache):
    key, timed = {"batch": 8}, {LAST: Timed(1.0, 0.0), COMPILED: Timed(0.5, 30.0)}
    tuning_cache.keep(key, timed)
    assert tuning_cache.read(key) == timed and tuning_cache.read({"batch": 9}) == {}
    (file,) = cache.glob("*.json")
    file.write_text("{")
    assert tuning_cache.read(key) == {}


def test_the_best_way_earns_back_its_compilation():
    timed = {LAST: Timed(1.0, 0.0), FIRST: Timed(1.5, 0.0), COMPILED: Timed(0.9, 50.0)}
    assert best(timed, 400, shapes=1, configured=LAST) == LAST  # 410 s against 400
    assert best(timed, 1000, shapes=1, configured=LAST) == COMPILED  # 950 against 1000
    assert best(timed, 1000, shapes=2, configured=LAST) == LAST  # 1000 against 1000
    assert best(timed, 400, shapes=1, configured=FIRST) == LAST
    close = {LAST: Timed(0.98, 0.0), FIRST: Timed(1.0, 0.0)}
    assert best(close, 100, shapes=1, configured=FIRST) == FIRST  # 2 % may be noise


def test_compiling_is_tried_where_it_may_pay():
    hope = HOPES["cpu"]
    least = hope.seconds / hope.share
    assert worth_compiling(1.01 * least, "cpu") and not worth_compiling(0.99 * least, "cpu")
    assert not worth_compiling(1e9, "mps")


def test_a_long_run_also_races_the_compiled_way_in_the_faster_layout(
    command, monkeypatch, tmp_path
):
    asked = say(
        monkeypatch,
        {LAST: Timed(400.0, 0.0), FIRST: Timed(410.0, 0.0), COMPILED: Timed(395.0, 40.0)},
    )
    command("runs", *RUN)  # 2 updates of 400 s
    assert asked == [[LAST, FIRST], [LAST, COMPILED]]
    tuning = record_of(tmp_path / "runs")["tuning"]
    assert tuning["way"] == "channels_last, eager"
    assert tuning["seconds"]["channels_last, compiled"] == {"step": 395.0, "start": 40.0}


@pytest.mark.slow
def test_a_compiled_run_that_measured_is_bitwise_one_that_did_not(command, monkeypatch, tmp_path):
    monkeypatch.setattr(autotune, "MARGIN", 1.0)
    monkeypatch.setattr(autotune, "worth_compiling", lambda *_: True)
    monkeypatch.setattr(autotune, "_layouts", lambda job: [LAST])
    said = command("with", *RUN, "runtime.compile=true")
    assert "runtime.autotune (measured): channels_last, compiled" in said
    tuning = record_of(tmp_path / "with")["tuning"]["seconds"]
    assert tuning["channels_last, compiled"]["start"] > 0
    command("without", *SMALL, "runtime.compile=true")
    assert bitwise(final_weights(tmp_path / "with"), final_weights(tmp_path / "without"))


def test_a_way_that_fails_is_left_out_unless_it_is_the_runs_own(command, monkeypatch, tmp_path):
    trial = trials.Trial

    def failing(job, way):
        if way == broken:
            raise RuntimeError("no compiler here\nat all")
        return trial(job, way)

    monkeypatch.setattr(trials, "Trial", failing)
    broken = FIRST
    assert "leaves out NCHW, eager: no compiler here\n" in command("runs", *RUN)
    assert set(record_of(tmp_path / "runs")["tuning"]["seconds"]) == {"channels_last, eager"}
    broken = LAST
    assert "no compiler here" in command("other", *RUN, "batch_size=16", code=1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([*SMALL, "runtime.compile=fast"], "runtime.compile='fast' is not one of false, true"),
        ([*SMALL, "runtime.compile=1"], "runtime.compile=1 is not one of false, true"),
        (["dataset=quadratic", "model=linear"], "runtime.autotune=true is for images"),
    ],
)
def test_refusals(command, words, error):
    assert error in command("runs", *words, "runtime.autotune=true", code=1)


def test_several_processes_are_refused():
    settings, stages = settings_of(*RUN)
    with pytest.raises(ValueError, match="runtime.autotune=true measures a run of one process"):
        check(settings, stages, ranks=2)
