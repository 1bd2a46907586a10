"""What a report says of scores that are known."""

import json
import shlex
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from scipy import stats
from searches import pretend, search, worker

from basin.tune.agreement import agreement
from basin.tune.joining import join
from basin.tune.modes import MODES
from basin.tune.outcome import found, outcome
from basin.tune.pictures import draw_all
from basin.tune.storage import existing
from basin.tune.text import report


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("basin.tune.agreement.RESAMPLES", 100)


def test_correlations_are_scipys_with_intervals_around_them():
    rng = np.random.default_rng(3)
    left = rng.normal(size=27)
    right = left + rng.normal(size=27)
    found = agreement(left, right)
    assert found["n"] == 27
    assert found["spearman"]["value"] == pytest.approx(stats.spearmanr(left, right).statistic)
    assert found["kendall"]["value"] == pytest.approx(stats.kendalltau(left, right).statistic)
    for name in ("spearman", "kendall"):
        assert -1 <= found[name]["low"] < found[name]["value"] < found[name]["high"] <= 1
    assert found == agreement(left, right)  # the resamples are the same each time


def test_few_constant_or_diverged_scores():
    def spearman(left, right):
        return agreement(left, right)["spearman"]

    assert spearman([1, 2, 3], [1, 2, 3])["value"] is None
    assert spearman([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]) == dict.fromkeys(("value", "low", "high"))
    assert spearman([1, 2, 3, inf, inf], [1, 2, 3, inf, inf])["value"] == pytest.approx(1)
    assert spearman([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])["low"] == pytest.approx(-1)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Successive halving, and the same configurations to the end."""
    folder = tmp_path_factory.mktemp("searches")
    made = {}
    for scheduler in ("sha", "all"):
        one = worker(search(scheduler=scheduler), folder / scheduler, name=scheduler)
        join(one.rungs.studies, one.rungs.search, ["recipe"], one.folder)
        one.work()
        made[scheduler] = one.rungs.studies
    return made


def test_a_search_is_judged_by_another_study(studies):
    content = outcome(found(studies["sha"]), found(studies["all"]))
    assert [rung["configurations"] for rung in content["rungs"]] == [9, 3, 1]
    assert content["rungs"][0]["agreement"]["n"] == 9
    assert content["rungs"][0]["agreement"]["spearman"]["value"] == pytest.approx(1)
    assert content["budget"]["everyone_to_the_end"] == 81 and content["over"]
    selected = content["selected"]
    best = min(content["configurations"], key=lambda one: one["final"])
    assert selected["configuration"] == best["configuration"] and selected["rank"] == 1
    assert selected["plain_command"].startswith("experiment=quickstart dataset.validation=100 lr=")
    assert selected["plain_command"].endswith(" epochs=9.0")
    text = report(content)
    assert "Trained: 21 epochs, 21 gradient evaluations; 21 epochs by" in text
    assert "| 0 | 1 | 9 | 0 | " in text and "| 2 | 9 | 1 | 0 | " in text and "1.00 [" in text


@pytest.mark.parametrize("mode", MODES)
def test_the_selected_run_is_named_with_a_command_that_trains_it(mode, tmp_path):
    def train(words):
        return replace(pretend(words), run=f"run of {shlex.join(words)}")

    one = worker(search(mode=mode), tmp_path, train)
    join(one.rungs.studies, one.rungs.search, ["recipe"], one.folder)
    one.work()
    content = outcome(found(one.rungs.studies), None)
    selected, text = content["selected"], report(content)
    assert selected["run"] == f"run of {selected['command']}" and selected["rung"] == 2
    assert f" Run {selected['run']}, scored at rung 2." in text
    assert f"The run that was scored:\n\n    python train.py {selected['command']}\n" in text
    own_schedule = "the configuration's own schedule once, over all 9 epochs" in text
    assert own_schedule == (mode != "rescaled_from_scratch")
    assert ("schedule=sgdr" in selected["command"]) == (mode == "compressed_periodic")


def test_the_last_rung_is_not_compared_with_itself(studies):
    content = outcome(found(studies["all"]), None)
    assert [rung["agreement"]["n"] for rung in content["rungs"]] == [9, 9, 9]
    values = [rung["agreement"]["kendall"]["value"] for rung in content["rungs"]]
    assert values == [pytest.approx(1), pytest.approx(1), None]
    assert report(content).count("| 9 | - | - |") == 1


def test_the_report_of_other_configurations_is_refused(studies, tmp_path):
    one = worker(search(seed=5), tmp_path)
    join(one.rungs.studies, one.rungs.search, ["recipe"], one.folder)
    one.work()
    with pytest.raises(ValueError, match="its configuration 0 is not that of"):
        outcome(found(studies["sha"]), found(one.rungs.studies))


def test_pictures_are_drawn(studies, tmp_path):
    content = outcome(found(studies["sha"]), found(studies["all"]))
    drawn = draw_all(json.loads(json.dumps(content)), studies["sha"].configurations, tmp_path)
    assert [file.name for file in drawn] == ["rungs.png", "intermediate_values.png", "slice.png"]
    assert all(file.stat().st_size > 5000 for file in drawn)


def test_a_study_that_is_not_there_is_named(studies):
    with pytest.raises(ValueError, match=r"study=shaa: there is none here; there are sha"):
        existing(studies["sha"].storage, "shaa")
