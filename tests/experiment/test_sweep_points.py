"""Points of a sweep: composed fast and right, and none started where one is bad."""

import random
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import train
from basin.experiment.composer import Composer
from basin.experiment.errors import explain, unknown
from basin.experiment.point import point_of
from basin.experiment.points import BadPoints, own_words, points_of, prepare, read_points
from basin.experiment.schema import register
from basin.experiment.sweep import folder_of

QUICK = ["experiment=quickstart", "device=cpu", "logger=none"]


@pytest.fixture
def composer():
    register()
    with initialize_config_dir(str(train.CONFIGS), version_base="1.3"):
        master = compose("config", [], return_hydra_config=True)
        yield Composer(GlobalHydra.instance().config_loader(), master)


def whole(composer, words):
    """The way that Hydra composes a point."""
    cfg = composer._loader.load_sweep_config(composer._master, words)
    groups = dict(cfg.hydra.runtime.choices)
    cfg = cfg.copy()
    del cfg._content["hydra"]
    return point_of(cfg, words, groups)


@pytest.mark.slow
def test_fifty_points_are_those_of_a_full_composition(composer):
    chance = random.Random(0)
    options = [
        ["experiment=quickstart", "model=vgg16"],
        ["optimizer=sgd", "optimizer=sam", "optimizer=lookahead optimizer@optimizer.base=sam"],
        ["schedule=cosine", "schedule=multistep schedule.lr.milestones=[2,4]"],
        ["averaging=none", "averaging=[swa] averaging.swa.start=3"],
        ["lr=0.1", "lr=0.02", "lr=null"],
        ["epochs=9", "epochs='500 steps'", "epochs=7.5"],
        ["+schedule@schedule.weight_decay=cosine", "weight_decay=0.003"],
        ["~augment", "+stages.train.clock=run", "++runtime.threads=2", "seed_noise=5"],
        ["name='a, b'", "name=\"Größe 'x'\"", "name=null"],
        [f"seed={seed}" for seed in range(5)],
    ]
    for _ in range(50):
        words = " ".join(chance.choice(one) for one in options)
        (words,) = composer.expand(split(words))
        fast, slow = composer(words), whole(composer, words)
        assert fast == slow and fast.name == slow.name


def split(words):
    """At spaces outside of quotes, which stay: Hydra reads them."""
    parts, quote = [""], ""
    for letter in words:
        quote = (
            quote
            if letter not in "'\"" or (quote and quote != letter)
            else ("" if quote else letter)
        )
        if letter == " " and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def test_a_product_and_a_file_of_points(composer, tmp_path):
    assert [*composer.expand(["seed=0,1", "lr=0.1", "seed=range(2,4)"])] == [
        ["seed=2", "lr=0.1"],
        ["seed=3", "lr=0.1"],
    ]
    file = tmp_path / "points"
    file.write_text("seed=1 lr=0.1  # the first\n\n\"name='a, b'\" seed=2\n")
    assert read_points(file) == [(1, ["seed=1", "lr=0.1"]), (3, ["name='a, b'", "seed=2"])]
    assert points_of(file, ["seed=5,6"], composer)[0] == ["seed=1", "lr=0.1"]
    with pytest.raises(ValueError, match="intervals"):
        [*composer.expand(["lr=interval(0,1)"])]
    for text, message in (
        ("# none\n", "no points"),
        ("a='b", "points, line 1: No closing"),
        ("seed=1\nseed=2 -m", "points, line 2: -m is said of the sweep"),
        ("--multirun", "line 1: --multirun"),
        ("\nhydra/launcher=slurm", "line 2: hydra/launcher=slurm is said"),
        ("+hydra.launcher.wait=true", "line 1"),
        ("seed=1\nlr=[0.1", r"points, line 2, 'lr=\[0.1': no viable"),
        ("lr=interval(0,1)", "points, line 1, .*intervals"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            points_of(file, [], composer)
    with pytest.raises(ValueError, match="cannot be read"):
        read_points(tmp_path / "missing")


def test_all_bad_points_are_listed_and_the_same_run_is_one_point(composer):
    values = ["lr=0.1", "lr=-1", "lr=0.2", "model.depth=21", "model.depht=3"]
    with pytest.raises(BadPoints, match="3 of 5") as caught:
        prepare([[*QUICK, value] for value in values], composer, load=False, ranks=1)
    assert set(caught.value.errors) == {"lr=-1", "model.depth=21", "model.depht=3"}
    words = [[*QUICK, "seed=1"], [*QUICK, "lr=0.3"], ["seed=1", *QUICK], [*QUICK, "lr=0.3"]]
    points = prepare(words, composer, load=False, ranks=1)
    assert [point.words for point in points] == words[:2]
    assert own_words([["a=1", "b=2"], ["a=1", "b=3 c"], ["a=1"]]) == ["b=2", "'b=3 c'", ""]
    assert folder_of(points, train.CONFIGS).name.startswith("quickstart-")
    assert folder_of(points, train.CONFIGS) == folder_of(points[::-1], train.CONFIGS)


def test_missing_data_refuse_a_sweep_once(composer, tmp_path, monkeypatch):
    monkeypatch.delenv("BASIN_DATA", raising=False)
    nowhere = f"dataset.mirror={tmp_path.as_uri()}"
    words = [["dataset=cifar10", f"dataset.root={tmp_path}", nowhere, f"seed={i}"] for i in (0, 1)]
    with pytest.raises(BadPoints) as caught:
        prepare(words, composer, load=True, ranks=1)
    causes = [one.cause for one in caught.value.errors.values()]
    assert len(causes) == 2 and "cifar-10" in str(causes[0])
    assert causes[0] is causes[1]  # looked for, or downloaded, once
    assert len(prepare(words, composer, load=False, ranks=1)) == 2


def test_a_sweep_with_a_bad_point_starts_none(monkeypatch, capfd, tmp_path):
    arguments = ["-m", *QUICK, f"results={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/sweeps"]
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments, "lr=0.1,-1,-2", "seed=0,1"])
    assert train.main() == 1
    error = capfd.readouterr().err
    assert "4 of 6 points cannot be run" in error and "Traceback" not in error
    for text in ("lr=-1 seed=0", "lr=-2 seed=1", "lr=-1.0 is not a finite number"):
        assert text in error
    assert not list(tmp_path.iterdir())


def test_a_hint_is_that_of_the_point_and_not_of_the_default(composer):
    words = ["experiment=quickstart", "optimizer=sam,sgd", "optimizer.lr=0.1"]
    with pytest.raises(BadPoints) as caught:
        prepare([*composer.expand(words)], composer, load=False, ranks=1)
    text = explain(caught.value, str(train.CONFIGS))
    assert "1 of 2 points" in text and "optimizer=sam" in text and "optimizer=sgd" not in text
    assert "Did you mean lr or optimizer.base.lr" in text
    text = unknown("optimizer.rho", str(train.CONFIGS), ["optimizer=sam,asam"])
    assert "optimizer.rho='choice(VALUE)'" in text
    assert "Did you mean" in unknown("optimizer.rhoo", str(train.CONFIGS), ["optimizer=sam,asam"])
    assert [*composer.expand(["optimizer=sam,asam", "optimizer.rho=choice(0.1)"])] == [
        ["optimizer=sam", "optimizer.rho=0.1"],
        ["optimizer=asam", "optimizer.rho=0.1"],
    ]
