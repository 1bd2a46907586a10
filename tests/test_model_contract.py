"""Every configs/model/*.yaml: composes, builds on the meta device, has its paper's size, trains."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONFIGS = Path(__file__).parents[1] / "configs"
OPTIONS = sorted(path.stem for path in (CONFIGS / "model").glob("*.yaml"))

PARAMETERS = {  # CIFAR-10, CIFAR-100
    "wide_resnet": (36_479_194, 36_536_884),
    "wrn_16_1": (175_066, 180_916),
    "wrn_16_4": (2_748_890, 2_772_020),
    "wrn_16_8": (10_961_370, 11_007_540),
    "wrn_16_10": (17_116_634, 17_174_324),
    "wrn_22_8": (17_158_106, 17_204_276),
    "wrn_22_10": (26_797_914, 26_855_604),
    "wrn_28_1": (369_498, 375_348),
    "wrn_28_2": (1_467_610, 1_479_220),
    "wrn_28_10": (36_479_194, 36_536_884),
    "wrn_28_10_swa": (36_489_290, 36_546_980),
    "wrn_28_12": (52_517_850, 52_587_060),
    "wrn_28_20": (145_815_514, 145_930_804),
    "wrn_40_1": (563_930, 569_780),
    "wrn_40_2": (2_243_546, 2_255_156),
    "wrn_40_4": (8_949_210, 8_972_340),
    "wrn_40_8": (35_748_314, 35_794_484),
    "wrn_40_10": (55_841_754, 55_899_444),
    "wrn_52_1": (758_362, 764_212),
    "resnet_cifar": (269_722, 275_572),
    "resnet20": (269_722, 275_572),
    "resnet32": (464_154, 470_004),
    "resnet44": (658_586, 664_436),
    "resnet56": (853_018, 858_868),
    "resnet110": (1_727_962, 1_733_812),
    "resnet": (11_173_962, 11_220_132),
    "resnet18": (11_173_962, 11_220_132),
    "resnet34": (21_282_122, 21_328_292),
    "resnet50": (23_520_842, 23_705_252),
}


@cache
def configuration(option):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return OmegaConf.to_container(compose(overrides=[f"+model={option}"]).model)


def build(option, *, num_classes=10, in_channels=3, device="cpu"):
    settings = {k: v for k, v in configuration(option).items() if k != "channels_last"}
    with torch.device(device):
        return instantiate(settings)(num_classes=num_classes, in_channels=in_channels)


def smallest_of_each_family():
    families = {}
    for option in sorted(OPTIONS, key=lambda option: PARAMETERS.get(option, (0, 0))):
        families.setdefault(configuration(option)["_target_"], option)
    return sorted(families.values())


def test_the_table_lists_every_option():
    assert sorted(PARAMETERS) == OPTIONS


@pytest.mark.parametrize("option", OPTIONS)
def test_option_has_its_papers_number_of_parameters(option):
    counts = tuple(
        sum(p.numel() for p in build(option, num_classes=k, device="meta").parameters())
        for k in (10, 100)
    )
    assert counts == PARAMETERS[option]


@pytest.mark.parametrize("option", OPTIONS)
def test_option_says_its_layout_and_what_it_is(option):
    assert configuration(option)["channels_last"] is True
    assert configuration(option)["_partial_"] is True
    assert (CONFIGS / "model" / f"{option}.yaml").read_text().startswith("# ")


@pytest.mark.parametrize("option", smallest_of_each_family())
def test_one_step_keeps_channels_last(option):
    torch.manual_seed(0)
    model = build(option).to(torch.float32, memory_format=torch.channels_last)
    maps = []
    model.stages[-1].register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    images = torch.randn(2, 3, 32, 32, dtype=torch.float32).to(memory_format=torch.channels_last)
    loss = torch.nn.functional.cross_entropy(model(images), torch.tensor([3, 7]))
    loss.backward()
    assert maps[0].is_contiguous(memory_format=torch.channels_last)
    assert not maps[0].is_contiguous()
    assert all(torch.isfinite(p.grad).all() and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("option", smallest_of_each_family())
def test_one_bfloat16_step_on_digits(option):
    torch.manual_seed(0)
    model = build(option, in_channels=1).to(torch.float32, memory_format=torch.channels_last)
    images = torch.randn(2, 1, 8, 8, dtype=torch.float32).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
    torch.nn.functional.cross_entropy(logits.float(), torch.tensor([3, 7])).backward()
    assert logits.dtype == torch.bfloat16
    assert logits.shape == (2, 10)
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("option", smallest_of_each_family())
def test_weights_follow_the_global_generator(option):
    first, again, other = (fingerprint(option, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def fingerprint(option, seed):
    torch.manual_seed(seed)
    return torch.cat([p.detach().flatten() for p in build(option).parameters()])
