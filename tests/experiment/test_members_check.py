"""Which points are members of one process, and what cannot be one."""

import pytest
from omegaconf import OmegaConf
from test_configs import composed, settings_of

from basin.experiment.check import check
from basin.experiment.members import grouped, most
from basin.experiment.members_check import check_members, refuse_members
from basin.experiment.point import Point
from basin.experiment.points import Checker
from basin.experiment.settings import run_settings

QUICK = ("experiment=quickstart", "device=cpu", "logger=none", "runtime.members=2")


def point(*words):
    settings, stages = composed((*QUICK, *words))
    return Point([*words], {"model": "some", "dataset": "digits"}, settings, stages)


def groups(*words):
    return grouped([(number, point(*own.split())) for number, own in enumerate(words)])


def test_seeds_and_numbers_of_the_optimizer_and_its_schedules_may_differ():
    assert groups("seed=0", "seed=1 lr=0.3") == [[0, 1]]
    assert groups("weight_decay=0", "optimizer.momentum=0.5 seed_noise=3") == [[0, 1]]
    assert groups("schedule=warmup", "schedule=warmup schedule.lr.epochs=2") == [[0, 1]]
    assert groups("optimizer=sam", "optimizer=sam optimizer.rho=0.1 lr=0.2") == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        *("epochs=2", "batch_size=32", "model.width=2", "optimizer.nesterov=false"),
        *("optimizer=adam", "schedule=constant", "augment=flip", "dataset.validation=100"),
        *("averaging=swa", "precision=fp64", "runtime.threads=1", "objective.label_smoothing=0.1"),
    ],
)
def test_nothing_else_may(other):
    assert groups("seed=0", other) == [[0], [1]]


def test_groups_are_filled_in_order():
    words = ["seed=0", "seed=1 epochs=2", "seed=1", "seed=2", "seed=2 epochs=2", "seed=3 epochs=2"]
    assert groups(*words) == [[0, 2], [1, 4], [3], [5]]
    assert groups("runtime.members=null", "runtime.members=null seed=1") == [[0], [1]]


def checked(*words):
    one = point(*words)
    check_members(one, check(one.settings, one.stages))


def test_what_is_accepted():
    for words in (["optimizer=sam"], ["optimizer=entropy_sgd"], ["averaging=ema"]):
        checked(*words)
    checked("model=vgg16_bn", "dataset=cifar10")  # dropout is a module


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("runtime.compile=true", "needs runtime.compile=false, not true"),
        ("runtime.autotune=true", "needs runtime.autotune=false"),
        ("runtime.profile=true", "needs runtime.profile=false"),
        ("micro_batch=16", "needs micro_batch=null, not 16"),
        ("logger=wandb", "one run a process"),
        ("stages=dswa", "one stage"),
        ("model=shake_shake_26_2x32d", "ShakeGate draws"),
        pytest.param("model=googlenet", "random operation", marks=pytest.mark.slow),
        ("optimizer=replicated_sgd", "computes other networks"),
        ("optimizer=sam optimizer.m=16", "a minibatch in pieces"),
        pytest.param(
            "optimizer=rmtr model=euler_resnet", "optimizer cannot", marks=pytest.mark.slow
        ),
    ],
)
def test_what_cannot_be_computed_together_is_refused(words, text):
    with pytest.raises(ValueError, match=rf"runtime.members=2.*{text}"):
        checked(*words.split())


def test_a_sweep_of_another_launcher_is_refused_before_it_starts():
    with pytest.raises(ValueError, match=r"runtime.members=2 is for .* hydra/launcher=local"):
        Checker(load=False, ranks=1, members=False)(point())
    with pytest.raises(ValueError, match=r"needs micro_batch=null"):
        Checker(load=False, ranks=1, members=True)(point("micro_batch=16"))
    Checker(load=False, ranks=1, members=True)(point("runtime.members=null", "micro_batch=16"))


def test_one_run_alone_is_no_member():
    with pytest.raises(ValueError, match=r"runtime.members=2 is for the points of a sweep .*local"):
        refuse_members(point().settings)
    refuse_members(point("runtime.members=1").settings)
    one = point("runtime.members=0")
    with pytest.raises(ValueError, match=r"runtime.members=0 is less than 1"):
        check(one.settings, one.stages)


def test_a_frozen_run_of_before_this_option_is_read():
    settings, stages = settings_of("dataset=digits", "model=wrn_16_1")
    frozen = OmegaConf.create(settings)
    del frozen.runtime["members"], frozen.runtime["recompute"]
    read = run_settings(frozen)
    assert read == settings and check(read, stages).parameters > 0 and most(read) == 1
