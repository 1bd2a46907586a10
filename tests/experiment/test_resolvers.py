"""Rates that follow the batch size, and products that must be whole."""

from math import sqrt

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError
from test_configs import settings_of

from basin.experiment.errors import explain
from basin.experiment.resolvers import register_resolvers, times

SMALL = ("dataset=digits", "model=linear", "model.size=8")


def rate(*words):
    settings, stages = settings_of(*SMALL, *words)
    assert stages["train"]["optimizer"] == settings["optimizer"]
    return settings["optimizer"].get("base", settings["optimizer"])["lr"]


def test_a_scaled_rate_is_the_reference_in_proportion_to_the_batch():
    assert rate("batch_size=512", "lr=${linear_scaled:0.1,256}") == 0.2
    assert rate("batch_size=64", "lr=${linear_scaled:0.1,256}") == 0.025
    assert rate("batch_size=512", "optimizer.lr=${linear_scaled:0.1,256}") == 0.2
    found = rate("batch_size=512", "optimizer=lamb", "lr=${sqrt_scaled:1e-3,256}")
    assert found == pytest.approx(1e-3 * sqrt(2), rel=1e-12)
    assert rate("batch_size=256", "optimizer=sam", "lr=${sqrt_scaled:0.1,256}") == 0.1


def test_goyals_rate():
    """20-large-batch-survey: 0.1 at 256, so 3.2 at 8192."""
    settings, _ = settings_of("experiment=large_batch/resnet50_8192")
    assert settings["batch_size"] == 8192 and settings["optimizer"]["lr"] == 3.2


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${linear_scaled:high,256}", "the rate 'high' is not a number above 0"),
        ("${linear_scaled:-0.1,256}", "the rate -0.1 is not a number above 0"),
        ("${linear_scaled:0.1,0}", "the reference batch 0 is not a whole number above 0"),
        ("${sqrt_scaled:0.1,25.5}", r"\{sqrt_scaled:0.1,25.5\}: the reference batch 25.5 is not"),
        ("${sqrt_scaled:0.1}", r"\{sqrt_scaled:0.1\} has not .* \$\{sqrt_scaled:0.001,256\}"),
        ("${ratio:1,0}", r"\{ratio:1,0\}: float division by zero; its form is"),
        ("${ratio:1,2,3}", "has not as many values as it needs; its form is"),
    ],
)
def test_what_is_no_reference(word, message):
    with pytest.raises(InterpolationResolutionError, match=message):
        settings_of(*SMALL, f"lr={word}")


def test_an_error_without_a_field_begins_with_the_interpolation():
    cfg = OmegaConf.create({"batch_size": 8, "lr": "${linear_scaled:0.1}"})
    register_resolvers()
    with pytest.raises(InterpolationResolutionError) as caught:
        OmegaConf.resolve(cfg)
    assert explain(caught.value, "", []).startswith("${linear_scaled:0.1} has not")


def test_times_is_whole():
    assert times(5, 128) == 640 and times(0.5, 128) == 64 and times(1.1, 10) == 11
    assert isinstance(times(2.0, 3), int)
    with pytest.raises(ValueError, match="0.3 times 128 is 38.4, and no whole number"):
        times(0.3, 128)
