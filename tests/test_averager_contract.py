"""Every configs/averaging/*.yaml keeps seam 3's contract, in a small run with BN and dropout."""

import copy
import functools
from pathlib import Path

import pytest
import torch
import yaml
from test_configs import overrides_of, settings_of
from toy import BATCH, NUM, Around, same, train, train_with_kill, weights
from toy import build as toy

from basin.core.clock import Clock
from basin.core.ensemble import Ensemble
from basin.core.protocols import Describing
from basin.experiment import build
from basin.training.loop import fit

HERE = Path(__file__).resolve().parent
OPTIONS = sorted(p.stem for p in (HERE.parent / "configs" / "averaging").glob("*.yaml"))
FACTS = yaml.safe_load((HERE / "averaging" / "contract.yaml").read_text())


@functools.cache
def composed(option):
    given = [*overrides_of("averaging", option), *FACTS.get(option, []), "epochs=4"]
    _, stages = settings_of(*given, f"batch_size={BATCH}")
    (stage,) = stages.values()
    return stage


def make(option):
    stage = composed(option)
    return toy(lambda groups, model: build.method(stage, model, Clock(NUM, BATCH)), epochs=4.0)


def solutions(parts):
    """(name, state) of every averager's solutions, read while each is there."""
    found = {}
    for averager in parts.state.averagers.values():
        for name, module in averager.predictors(parts.closure.input.batches):
            found[name] = {k: v.clone() for k, v in module.state_dict().items()}
    return found


def equal(left, right):
    return left.keys() == right.keys() and all(
        same(list(left[k].values()), list(right[k].values())) for k in left
    )


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("stop", [11, pytest.param(27, marks=pytest.mark.slow)])
def test_it_resumes_bitwise(option, stop):
    undisturbed = make(option)
    train(undisturbed)
    continued = train_with_kill(lambda: make(option), stop)
    assert same(weights(undisturbed), weights(continued))
    assert undisturbed.state.counters == continued.state.counters
    torch.manual_seed(1)
    ours = solutions(undisturbed)
    torch.manual_seed(1)
    assert equal(ours, solutions(continued))
    assert option == "none" or ours or option.startswith("autodrop")


@pytest.mark.parametrize("option", OPTIONS)
def test_its_state_goes_round(option):
    parts, fresh = make(option), make(option)
    train(parts)
    for name, averager in parts.state.averagers.items():
        fresh.state.averagers[name].load_state_dict(copy.deepcopy(averager.state_dict()))
    torch.manual_seed(1)
    ours = solutions(parts)
    torch.manual_seed(1)
    fresh.closure.input.order.cursors.update(parts.closure.input.order.cursors)
    assert equal(ours, solutions(fresh))


class Curious(Around):
    """Evaluates between any two updates, which nothing of the live model may notice."""

    def check(self, state):
        if state.counters.step % 3:
            return
        before = weights(self.parts)
        modes = [module.training for module in state.model.modules()]
        torch.manual_seed(state.counters.step)
        self.evaluate(keep=False)
        assert same(before, weights(self.parts))
        assert modes == [module.training for module in state.model.modules()]


@pytest.mark.parametrize("option", OPTIONS)
def test_predictors_leave_the_live_model_and_its_training_alone(option):
    quiet, looked_at = make(option), make(option)
    train(quiet)
    fit(looked_at.state, looked_at.closure, Curious(looked_at))
    assert same(weights(quiet), weights(looked_at))
    assert equal(*(seeded(solutions, parts) for parts in (quiet, looked_at)))


def seeded(function, *arguments):
    torch.manual_seed(1)
    return function(*arguments)


@pytest.mark.parametrize("option", OPTIONS)
def test_of_constant_weights_it_is_the_weights_bitwise(option):
    parts = make(option)
    parts.state.optimizer.step = lambda closure: closure()
    before = [p.clone() for p in parts.state.model.parameters()]
    train(parts)
    assert same(before, [p.detach() for p in parts.state.model.parameters()])
    for averager in parts.state.averagers.values():
        for _, module in averager.predictors(parts.closure.input.batches):
            networks = module.each() if isinstance(module, Ensemble) else [module]
            for network in networks:
                assert same(before, [p.detach() for p in network.parameters()])


@pytest.mark.parametrize("option", OPTIONS)
def test_it_says_how_its_solutions_were_made(option):
    parts = make(option)
    train(parts)
    for averager in parts.state.averagers.values():
        if isinstance(averager, Describing):
            described = averager.describe()
            assert described["rule"] and described.get("iterates", described.get("members")) > 0


@pytest.mark.parametrize("option", OPTIONS)
def test_it_says_what_it_is_after_its_package(option):
    """Hydra ignores a package that is not in the first line."""
    lines = (HERE.parent / "configs" / "averaging" / f"{option}.yaml").read_text().splitlines()
    if option != "none":
        assert lines[0] == f"# @package averaging.{option}"
        assert lines[1].startswith("# ")
