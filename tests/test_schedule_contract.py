"""Every configs/schedule/*.yaml: ends, range, jumps only where declared, no hidden state."""

import importlib
import math
import pkgutil
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from first_stage import composed
from toy import Net

import basin.schedule
from basin.core.clock import Clock
from basin.experiment import build
from basin.experiment.staging import stage_settings

ROOT = Path(__file__).parents[1]
OPTIONS = sorted(path.stem for path in (ROOT / "configs" / "schedule").glob("*.yaml"))
FEEDBACK = ("autodrop_2024", "autodrop_v1")
PURE = [option for option in OPTIONS if option not in FEEDBACK]
NEEDS = yaml.safe_load((ROOT / "tests" / "needs.yaml").read_text())
CLOCK = Clock(10_000, 10)  # 1000 updates an epoch
STEEP = 0.0101  # in one of them: HyperRule's warm-up of 100 is the steepest line

ENDS = {  # factor of the first update, and at the end of the run, or of its last update (*)
    "autodrop_2024": (1, 1),
    "autodrop_v1": (1, 1),
    "clr_stages": (0.2, 0.002),
    "constant": (1, 1),
    "cosine": (1, 0),
    "cosine_power": (1, 0),
    "eigencurve": (1, 0),  # *
    "elastic_step": (1, 0),
    "exp_range": (1 / 6, 1 / 6),
    "exponential": (1, 0.95**200),
    "fge": (1, 1),
    "hyperrule": (0, 1e-3),  # *
    "hyperrule_paper": (1, 1e-3),  # *
    "inverse_time": (1, 0.1),  # *
    "join": (1, 0),
    "linear": (1, 0),
    "multistep": (1, 0.008),
    "one_cycle": (0.04, 4e-6),  # *
    "one_cycle_momentum": (1, 1),  # *
    "polynomial": (1, 0),
    "sgdr": (1, 0.5 * (1 + math.cos(math.pi * 50 / 160))),
    "swa": (1, 0.01),
    "swa_cyclical": (1 - 0.99 / 1000, 0.01),  # *
    "triangular": (1 / 6, 1 / 6),
    "triangular2": (1 / 6, 1 / 6),
    "triangular_momentum": (1, 1),
    "warmup": (0.1, 0),
}
JUMPS = {  # epochs at which the factor leaves what it was, where it does
    "clr_stages": lambda t: t in (16, 22),
    "elastic_step": lambda t: True,  # ever denser: test_elastic_step.py
    "exponential": lambda t: t % 1 == 0,  # per: epoch
    "hyperrule": lambda t: round(t * 1000) in (201, 301, 401),
    "hyperrule_paper": lambda t: round(t * 1000) in (151, 301, 451),
    "multistep": lambda t: t in (59, 119, 159),
    "sgdr": lambda t: t in (10, 30, 70, 150),
    "swa": lambda t: t % 1 == 0,  # per: epoch
    "swa_cyclical": lambda t: t % 1 == 0,
}


@cache
def settings_of(option):
    overrides = [f"schedule={option}", *NEEDS["schedule"], *NEEDS.get(f"schedule/{option}", [])]
    (stage,) = stage_settings(composed(overrides)).values()
    return stage


def build_all(option):
    _, averagers, schedules = build.method(settings_of(option), Net(), CLOCK)
    return averagers, schedules["lr"]


def make(option):
    return build_all(option)[1]


def updates_of(option):
    """Number of updates of the run."""
    return round(CLOCK.steps(CLOCK.epochs(settings_of(option)["epochs"])))


def t_of(update):
    return update // 1000 + update % 1000 / 1000


def times(option, num=1500):
    last = updates_of(option)
    return [t_of(last * i // num) for i in range(num + 1)]


def classes():
    names = {"Clock": Clock}
    for module in pkgutil.iter_modules(basin.schedule.__path__):
        names |= vars(importlib.import_module(f"basin.schedule.{module.name}"))
    return names


@pytest.mark.parametrize("option", OPTIONS)
def test_factor_stays_in_range(option):
    schedule = make(option)
    assert all(0 <= schedule(t) <= 1 + 1e-12 for t in times(option))
    assert all(math.isfinite(schedule(t_of(updates_of(option)) + late)) for late in (0.5, 100))


@pytest.mark.parametrize("option", OPTIONS)
def test_it_begins_and_ends_where_it_says(option):
    schedule, last = make(option), updates_of(option)
    first, end = ENDS[option]
    assert schedule(0.0) == pytest.approx(first, rel=1e-12, abs=1e-12)
    reached = [schedule(t_of(last)), schedule(t_of(last - 1))]
    assert any(value == pytest.approx(end, rel=1e-9, abs=1e-12) for value in reached)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_jumps_where_declared_and_nowhere_else(option):
    schedule, last = make(option), updates_of(option)
    jumps = JUMPS.get(option, lambda t: False)
    near = {k for t in range(0, last + 1, 500) for k in (t - 1, t, t + 1)}
    some = near | {last * i // 997 for i in range(997)}
    found = False
    for update in sorted(k for k in some if 0 < k < last):
        before, after = schedule(t_of(update - 1)), schedule(t_of(update))
        jumped = abs(after - before) > STEEP
        assert not jumped or jumps(t_of(update)), t_of(update)
        found |= jumped and jumps(t_of(update))
    assert found == (option in JUMPS)


@pytest.mark.parametrize("option", OPTIONS)
def test_factor_depends_on_t_alone(option):
    forwards, backwards, some = make(option), make(option), times(option, 300)
    there = [forwards(t) for t in some]
    assert there == [backwards(t) for t in reversed(some)][::-1]
    assert all(isinstance(factor, float) for factor in there)


@pytest.mark.parametrize("option", PURE)
def test_it_prints_itself(option):
    schedule = make(option)
    assert eval(repr(schedule), classes()) == schedule


@pytest.mark.parametrize("option", OPTIONS)
def test_it_round_trips_its_state(option):
    schedule, fresh = make(option), make(option)
    fresh.load_state_dict(schedule.state_dict())
    assert str(fresh.state_dict()) == str(schedule.state_dict())
    assert option in FEEDBACK or fresh == schedule


@pytest.mark.parametrize("option", ["eigencurve", "join", "sgdr", "triangular"])
def test_it_is_the_same_in_another_field_and_behind_a_warm_up(option):
    overrides = [*NEEDS["schedule"], *NEEDS.get(f"schedule/{option}", [])]
    field = [word.replace("schedule.lr.", "schedule.momentum.") for word in overrides]
    behind = [word.replace("schedule.lr.", "schedule.lr.after.") for word in overrides]
    inner = f"schedule@schedule.lr.after={option}"
    cfg = ["schedule=constant", f"+schedule@schedule.momentum={option}", *field]
    (stage,) = stage_settings(composed(cfg)).values()
    assert build.method(stage, Net(), CLOCK)[2]["momentum"] == make(option)
    (stage,) = stage_settings(composed(["schedule=warmup", inner, *behind])).values()
    assert build.method(stage, Net(), CLOCK)[2]["lr"].after == make(option)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_says_what_it_is_after_its_package(option):
    """Hydra ignores a package that is not in the first line."""
    text = (ROOT / "configs" / "schedule" / f"{option}.yaml").read_text()
    package, description = text.splitlines()[:2]
    assert package == "# @package schedule.lr"
    assert description.startswith("# ")


def test_a_feedback_schedule_has_tensors_that_files_take(tmp_path):
    torch.save(make("autodrop_2024").state_dict(), tmp_path / "state")
    torch.load(tmp_path / "state", weights_only=True)
