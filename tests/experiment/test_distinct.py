"""Costs of runs that share a trunk, and curves in ensembles."""

from pathlib import Path

import pytest

from basin.experiment.distinct import check_networks, total_cost
from basin.experiment.ensembles import Finished, shared_parts


def finished(*costs, seed=0, spent=True, target="basin.model.linear.Linear", results=("last",)):
    """A run of stages a, ab, ... that have cost so much each: gradients, and half forward only."""
    until = [sum(costs[: i + 1]) for i in range(len(costs))]
    both = [{"gradient_evaluations": c, "forward_only": c / 2} for c in until]
    stages = {
        str(i): {"identity": str(costs[: i + 1]), "spent": cost if spent else None}
        for i, cost in enumerate(both)
    }
    record = {"seed": seed, "identity": str(costs), "stages": stages, "cost": both[-1]}
    record["results"] = dict.fromkeys(results, {})
    return Finished(Path(str(costs)), {"model": {"_target_": target}}, record)


@pytest.mark.parametrize(
    ("runs", "cost"),
    [
        ([finished(6, 1), finished(6, 2), finished(6, 3)], 12),
        ([finished(6, 1), finished(6, 1)], 7),
        ([finished(6), finished(6, 2)], 8),
        ([finished(6, 1, 1), finished(6, 1, 2), finished(6, 3)], 13),
        ([finished(6, 1), finished(6, 2, seed=1)], 15),
        ([finished(5, 1), finished(6, 2)], 14),
        ([finished(6, 1, spent=False), finished(6, 2)], 15),
    ],
)
def test_a_trunk_counts_once(runs, cost):
    assert total_cost(runs) == {"gradient_evaluations": cost, "forward_only": cost / 2}


def test_the_middle_of_a_curve_is_no_member():
    curve = finished(1, target="basin.model.curve.Curve", results=("last", "t0.5", "t0.25"))
    check_networks([curve], [["t0.5", "t0.25"]])
    with pytest.raises(ValueError, match=r"give solution= one of t0.5, t0.25"):
        check_networks([curve], [["last"]])


def test_runs_of_other_splits_share_the_test_part_alone():
    def run(validation):
        settings = {"dataset": {"base": {"validation": validation}}}
        return Finished(Path("run"), settings, {"seeds": {"seed_subset": 0}})

    assert shared_parts([run(100), run(100)]) == {"validation", "test"}
    assert shared_parts([run(100), run(200)]) == {"test"}
