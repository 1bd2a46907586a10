"""Optimizer x schedule x averager: a run cut in two ends bitwise like an undisturbed one."""

import pytest
from test_configs import overrides_of, settings_of
from test_optimizer_contract import OPTIONS, fact
from toy import BATCH, NUM, same, train, train_with_kill, weights
from toy import build as toy

from basin.core.clock import Clock
from basin.experiment import build

SCHEDULES = ("cosine", "warmup")


def make(option, schedule, epochs):
    swa = ["averaging=swa", f"averaging.swa.start={epochs / 4}", "averaging.swa.period=0.5"]
    overrides = [*overrides_of("optimizer", option), *fact(option, "overrides", []), *swa]
    overrides += [f"schedule={schedule}", f"epochs={epochs}", "batch_size=16"]
    if schedule == "warmup":
        overrides.append(f"schedule.lr.epochs={epochs / 4}")
    _, stages = settings_of(*overrides)
    (stage,) = stages.values()
    return toy(lambda groups, model: build.method(stage, model, Clock(NUM, BATCH)), epochs=epochs)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("option", OPTIONS)
def test_six_and_the_rest_are_the_whole(option, schedule):
    epochs = 2.0 * fact(option, "bn_passes", 1)  # 16 updates
    undisturbed = make(option, schedule, epochs)
    train(undisturbed)
    continued = train_with_kill(lambda: make(option, schedule, epochs), 6)
    assert same(weights(undisturbed), weights(continued))
    averages = [p.state.averagers["swa"].state_dict() for p in (undisturbed, continued)]
    assert averages[0]["count"] == averages[1]["count"] > 1
    left, right = (list(a["average"].values()) for a in averages)
    assert same(left, right)
