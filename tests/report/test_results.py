"""Tables and curves of runs whose score is not an error."""

from pathlib import Path

import pytest

from basin.core.scores import headline, score_text
from basin.report.curves import draw
from basin.report.results import table
from basin.report.runs import Run, metrics

ERRORS = {"error": 4.8, "error5": 0.1, "nll": 0.2, "ece": 0.01}
RISK = {"excess_risk": 1.25e-6}


def run_of(scores, *, finished=True, **costs):
    lines = [
        {
            "epoch": epoch,
            "train": {"loss": 1.0 / epoch},
            "solutions": {"last": {"test": scores}},
            "lr": 0.1,
            "gradient_evaluations": epoch,
            "seconds": 1.0,
            **costs,
        }
        for epoch in (1.0, 2.0)
    ]
    best = {"epoch": 1.0, "selected_on": "test", "test": scores}
    result = {"final": {"epoch": 2.0, "test": scores}, "best": best}
    cost = {"gradient_evaluations": 2.0, "seconds": 1.0, **costs}
    record = {"results": {"last": result}, "cost": cost} if finished else None
    return Run(path=Path("run"), settings={}, lines=lines, record=record)


def cells(text):
    return [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_the_headline_is_the_first_score():
    assert (headline(ERRORS), headline(RISK)) == ("error", "excess_risk")
    assert metrics([run_of(RISK), run_of(ERRORS), run_of(RISK)]) == ["excess_risk", "error"]
    assert score_text("error", 4.8) == "error 4.80 %"
    assert score_text("excess_risk", 1.25e-6) == "excess_risk 1.25e-06"
    assert score_text("excess_risk", None) == "excess_risk not finite"


@pytest.mark.parametrize("finished", [True, False])
def test_a_table_has_no_columns_of_other_scores(finished):
    head, row = cells(table([run_of(RISK, finished=finished)]))[:2]
    best = ["best test (epoch)"] if finished else []
    assert [cell.strip() for cell in head[:4]] == ["run", "solution", "epoch", "test"]
    assert [cell.strip() for cell in head[4:-2]] == best
    assert row[3].strip() == "excess_risk 1.25e-06"
    if finished:
        assert row[4].strip() == "excess_risk 1.25e-06 (1, selected on test)"


def test_both_kinds_in_one_table():
    lines = table([run_of(ERRORS), run_of(RISK)]).splitlines()
    assert "4.80 %" in lines[1] and "excess_risk" not in lines[1]
    assert "excess_risk 1.25e-06" in lines[2] and "%" not in lines[2]


@pytest.mark.parametrize("runs", [[RISK], [RISK, ERRORS]])
def test_curves_of_any_score(tmp_path, runs):
    draw(
        [run_of(scores) for scores in runs],
        ["a", "b"][: len(runs)],
        tmp_path / "curves.png",
        against="epoch",
    )
    assert (tmp_path / "curves.png").stat().st_size > 10_000


@pytest.mark.parametrize(("costs", "at"), [({}, [1, 2]), ({"work_units": 7.5}, [7.5, 7.5])])
def test_curves_over_work_take_an_optimizers_own_count(costs, at):
    run = run_of(RISK, **costs)
    assert run.curve("lr", against="work") == (at, [0.1, 0.1])
    assert run.curve("lr") == ([1, 2], [0.1, 0.1])


def test_a_forward_pass_is_a_third_of_a_gradient():
    run = run_of(RISK, forward_only=3.0)
    assert run.curve("lr", against="work")[0] == [2, 3]


@pytest.mark.parametrize("finished", [True, False])
def test_work_is_a_column_where_an_optimizer_counts_it(finished):
    both = [run_of(RISK, finished=finished, work_units=7.5), run_of(RISK, finished=finished)]
    head, counted, plain = table(both).splitlines()[:3]
    assert head.split()[-3:] == ["gradients", "work", "seconds"]
    assert counted.split()[-2:] == ["7.5", "1.0"] and plain.split()[-2:] == ["2", "1.0"]
