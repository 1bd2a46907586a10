"""Every configs/model/*.yaml: composes, builds on the meta device, has its paper's size, trains."""

from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from basin.experiment import build as builder

CONFIGS = Path(__file__).parents[1] / "configs"
OPTIONS = sorted(path.stem for path in (CONFIGS / "model").glob("*.yaml"))

TABLES = (Path(__file__).parent / "model" / "parameters").glob("*.yaml")
PARAMETERS = {k: v for path in sorted(TABLES) for k, v in yaml.safe_load(path.read_text()).items()}
"""option -> {number of classes: its paper's number of parameters, shape: C, H, W}."""


@cache
def configuration(option):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return OmegaConf.to_container(compose(overrides=[f"+model={option}"]).model)


def build(option, *, num_classes=10, in_channels=3, device="cpu"):
    settings = {"model": configuration(option)}
    with torch.device(device):
        return builder.model(settings, num_classes=num_classes, in_channels=in_channels)


def shape_of(option):
    return tuple(PARAMETERS[option].get("shape", (3, 32, 32)))


def counts_of(option):
    table = PARAMETERS.get(option, {10: 0})  # test_the_tables_list_every_option fails then
    return {key: count for key, count in table.items() if key != "shape"}


def smallest_of_each_family():
    families = {}
    for option in sorted(OPTIONS, key=lambda option: min(counts_of(option).values())):
        families.setdefault(configuration(option)["_target_"], option)
    return sorted(families.values())


def test_the_tables_list_every_option():
    assert sorted(PARAMETERS) == OPTIONS


@pytest.mark.parametrize("option", OPTIONS)
def test_option_has_its_papers_number_of_parameters(option):
    for num_classes, count in counts_of(option).items():
        model = build(option, num_classes=num_classes, device="meta")
        assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("option", OPTIONS)
def test_option_says_its_layout_and_what_it_is(option):
    assert configuration(option)["channels_last"] is True
    assert configuration(option)["_partial_"] is True
    assert (CONFIGS / "model" / f"{option}.yaml").read_text().startswith("# ")


def one_step(option, precision):
    """Logits and the maps of every convolution of a training step at batch 2, channels_last."""
    torch.manual_seed(0)
    model = build(option).to(torch.float32, memory_format=torch.channels_last)
    maps = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _layer, _inputs, output: maps.append(output))
    images = torch.randn(2, *shape_of(option)).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(images)
    torch.nn.functional.cross_entropy(logits.float(), torch.tensor([3, 7])).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    moved = sum(bool(p.grad.any()) for p in model.parameters())
    assert moved > 0.6 * len([*model.parameters()])  # stochastic depth has dropped some branches
    return logits, maps


def check_step(option):
    """fp32 keeps the layout, bf16 its dtype."""
    logits, maps = one_step(option, "fp32")
    assert logits.shape == (2, 10)
    real = [m for m in maps if m.shape[1] > 1 and m.shape[2] > 1]  # both layouts differ
    assert bool(real) == bool(maps)  # a linear model has none
    assert all(m.is_contiguous(memory_format=torch.channels_last) for m in real)
    logits, _ = one_step(option, "bf16")
    assert logits.dtype == torch.bfloat16


@pytest.mark.parametrize("option", smallest_of_each_family())
def test_one_step_of_the_smallest(option):
    check_step(option)


LARGE = 150_000_000
"""Parameters above which a step takes minutes and up to 20 GB: wide BiTs, built on meta alone."""


def the_others():
    return [
        option
        for option in sorted(set(OPTIONS) - set(smallest_of_each_family()))
        if sum(p.numel() for p in build(option, device="meta").parameters()) < LARGE
    ]


@pytest.mark.slow
@pytest.mark.parametrize("option", the_others())
def test_one_step_of_the_others(option):
    check_step(option)


@pytest.mark.parametrize("option", smallest_of_each_family())
def test_weights_follow_the_global_generator(option):
    first, again, other = (fingerprint(option, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def fingerprint(option, seed):
    torch.manual_seed(seed)
    return torch.cat([p.detach().flatten() for p in build(option).parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("option", smallest_of_each_family())
def test_compiling_changes_nothing(option):
    torch.manual_seed(0)
    model = build(option).eval().to(torch.float32)
    images = torch.randn(2, *shape_of(option))
    torch.testing.assert_close(
        torch.compile(model, backend="aot_eager")(images), model(images), rtol=1e-5, atol=1e-5
    )
