"""Every configs/schedule/*.yaml: composes, stays in range, prints itself, has no hidden state."""

import importlib
import math
import pkgutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import basin.schedule

CONFIGS = Path(__file__).parents[1] / "configs"
OPTIONS = sorted(path.stem for path in (CONFIGS / "schedule").glob("*.yaml"))
EPOCHS = 200.0
TIMES = [EPOCHS * i / 4000 for i in range(4001)]


def build(option):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose(overrides=[f"+schedule={option}", f"+epochs={EPOCHS}"])
    return instantiate(composed.schedule.lr, _convert_="all")


def classes():
    names = {}
    for module in pkgutil.iter_modules(basin.schedule.__path__):
        names |= vars(importlib.import_module(f"basin.schedule.{module.name}"))
    return names


@pytest.mark.parametrize("option", OPTIONS)
def test_factor_stays_in_range(option):
    schedule = build(option)
    assert math.isfinite(schedule(0.0))
    assert all(0 <= schedule(t) <= 1 + 1e-12 for t in TIMES)


@pytest.mark.parametrize("option", OPTIONS)
def test_factor_depends_on_t_alone(option):
    forwards, backwards = build(option), build(option)
    there = [forwards(t) for t in TIMES]
    assert there == [backwards(t) for t in reversed(TIMES)][::-1]
    assert all(isinstance(factor, float) for factor in there)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_prints_itself(option):
    schedule = build(option)
    assert eval(repr(schedule), classes()) == schedule


@pytest.mark.parametrize("option", OPTIONS)
def test_it_round_trips_its_state(option):
    schedule, fresh = build(option), build(option)
    fresh.load_state_dict(schedule.state_dict())
    assert fresh.state_dict() == schedule.state_dict()
    assert fresh == schedule


@pytest.mark.parametrize("option", OPTIONS)
def test_it_says_what_it_is_after_its_package(option):
    """Hydra ignores a package that is not in the first line."""
    package, description = (CONFIGS / "schedule" / f"{option}.yaml").read_text().splitlines()[:2]
    assert package == "# @package schedule.lr"
    assert description.startswith("# ")
