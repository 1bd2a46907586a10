"""plot_schedule.py: sweeps, the values that a run would have, stages, errors, and a picture."""

import math

import plot_schedule
import pytest
from PIL import Image

DIGITS = ["dataset=digits", "model=wrn_16_1", "batch_size=64", "epochs=4"]


def test_a_sweep_is_a_product_with_labels():
    runs = plot_schedule.sweep(["epochs=4", "schedule=cosine,linear", "lr=0.1,0.2"])
    assert [label for label, _ in runs] == [
        f"schedule={s} lr={lr}" for s in ("cosine", "linear") for lr in ("0.1", "0.2")
    ]
    assert runs[-1][1] == ["epochs=4", "schedule=linear", "lr=0.2"]
    assert plot_schedule.sweep(["schedule=cosine", "+schedule@schedule.momentum=linear"]) == [
        (
            "schedule=cosine +schedule@schedule.momentum=linear",
            ["schedule=cosine", "+schedule@schedule.momentum=linear"],
        )
    ]


def test_every_scheduled_field_at_every_update():
    momentum = ["+schedule@schedule.momentum=triangular_momentum", "schedule.momentum.half_cycle=1"]
    run = plot_schedule.scheduled("", [*DIGITS, "schedule=cosine", *momentum])
    steps = math.ceil(len(run.fields["lr"]) / 4)
    assert list(run.fields) == ["lr", "momentum"] and run.stages == []
    for update, (t, value) in enumerate(run.fields["lr"]):
        assert t == update // steps + update % steps / steps
        assert value == pytest.approx(0.05 * (1 + math.cos(math.pi * t / 4)))
    assert dict(run.fields["momentum"])[1.0] == pytest.approx(0.8)


def test_stages_follow_each_other_on_their_clock():
    words = ["+stages.b.epochs=2", "+stages.b.clock=stage", "schedule=linear"]
    run = plot_schedule.scheduled("", [*DIGITS, *words])
    assert run.stages == [4.0]
    values = dict(run.fields["lr"])
    assert values[0.0] == values[4.0] == 0.1 and max(values) < 6


def test_a_picture_for_one_and_for_several(tmp_path, capsys):
    one, many = tmp_path / "one.png", tmp_path / "many.png"
    assert plot_schedule.main([*DIGITS, "schedule=sgdr", "--out", str(one)]) == 0
    sweep = "schedule=cosine,sgdr,fge,linear,swa"
    assert plot_schedule.main(["-m", sweep, "--out", str(many), *DIGITS]) == 0
    assert "5 configurations" in capsys.readouterr().out
    with Image.open(one) as alone, Image.open(many) as beside:
        assert beside.width > alone.width  # four in a row
        assert beside.height > 1.5 * alone.height


@pytest.mark.parametrize(
    ("word", "said"),
    [("schedule=cosin", "cosin"), ("schedule.lr.flor=1", "lr.floor"), ("epochs=-1", "epochs=-1")],
)
def test_what_is_wrong_is_said(word, said, tmp_path, capsys):
    out = tmp_path / "schedule.png"
    assert plot_schedule.main([*DIGITS, word, "--out", str(out)]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()
