"""Models of torchvision and timm by name."""

import random

import numpy as np
import pytest
import timm
import torch
from test_model_contract import build

from basin.model import timm as ours
from basin.model import torchvision as theirs


def named(name, **changes):
    return {"num_classes": 7, "in_channels": 3, "name": name, "zero_init_residual": None, **changes}


@pytest.mark.parametrize("name", ["googlenet", "mobilenet_v3_small", "squeezenet1_1"])
def test_torchvision_gives_logits_of_any_number_of_classes(name):
    model = theirs.network(**named(name))
    assert model.train()(torch.randn(2, 3, 64, 64)).shape == (2, 7)


def test_torchvision_refusals():
    with pytest.raises(ValueError, match="did you mean resnet50"):
        theirs.network(**named("resnet_50"))
    with pytest.raises(ValueError, match="takes images of 3 channels, and the data set's have 1"):
        theirs.network(**named("resnet18", in_channels=1))
    with pytest.raises(ValueError, match="no classifier"):
        theirs.network(**named("fcn_resnet50"))
    with pytest.raises(ValueError, match="zero_init_residual=True is of torchvision's ResNets"):
        theirs.network(**named("alexnet", zero_init_residual=True))


@pytest.mark.parametrize(("zero", "last"), [(None, 1.0), (False, 1.0), (True, 0.0)])
def test_torchvisions_blocks_begin_as_the_identity_where_asked(zero, last):
    block = theirs.network(**named("resnet18", zero_init_residual=zero)).layer2[1]
    assert bool((block.bn2.weight == last).all()) and bool((block.bn1.weight == 1).all())


def settings(**changes):
    values = {"name": "resnet10t", "pretrained": False, "weights": None, "dropout": 0.0}
    values |= {"sha256": None, "md5": None, "arguments": {}}
    return {"num_classes": 7, "in_channels": 1, **values, **changes}


def test_timm_takes_any_channels_and_classes():
    assert ours.network(**settings())(torch.randn(2, 1, 32, 32)).shape == (2, 7)


def test_timm_reads_a_local_file_and_replaces_the_head(tmp_path):
    source = timm.create_model("resnet10t", num_classes=1000)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    weights = str(tmp_path / "weights.pth")
    model = ours.network(**settings(in_channels=3, weights=weights))
    assert torch.equal(model.layer1[0].conv1.weight, source.layer1[0].conv1.weight)
    assert model.fc.weight.shape == (7, 512)
    with pytest.raises(ValueError, match="has the sha256"):
        ours.network(**settings(in_channels=3, weights=weights, sha256="0" * 64))


def test_timm_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="is no model of timm; did you mean resnet18"):
        ours.network(**settings(name="resnet18_"))


def test_timm_keeps_a_head_of_the_files_size(tmp_path):
    source = timm.create_model("resnet10t", num_classes=7)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    model = ours.network(**settings(in_channels=3, weights=str(tmp_path / "weights.pth")))
    assert torch.equal(model.fc.weight, source.fc.weight)


@pytest.fixture
def hub(monkeypatch):
    """What was asked of timm's hub, which here gives 3 as the first BN's bias."""
    asked = []

    def load(name, *_, **__):
        asked.append(name)
        state = timm.create_model("resnet10t", num_classes=1000).state_dict()
        return {**state, "bn1.bias": torch.full((64,), 3.0)}

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", load)
    return asked


def test_timm_asks_its_hub_for_pretrained_weights(hub):
    model = ours.network(**settings(in_channels=3, pretrained=True))
    assert len(hub) == 1 and "resnet10t" in hub[0]
    assert bool((model.bn1.bias == 3).all()) and model.fc.weight.shape == (7, 512)


def test_timm_fetches_nothing_for_a_check(hub):
    with torch.device("meta"):
        ours.network(**settings(in_channels=3, pretrained=True))
    assert hub == []


def test_timm_refuses_a_file_that_is_not_there_or_not_the_models(tmp_path):
    with pytest.raises(ValueError, match="weights=missing.pth is no file"):
        ours.network(**settings(weights="missing.pth"))
    torch.save({"other": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="timm cannot build resnet10t: Error(?s:.)*Missing key"):
        ours.network(**settings(in_channels=3, weights=str(tmp_path / "weights.pth")))


def test_timm_passes_arguments_on():
    model = ours.network(**settings(arguments={"drop_path_rate": 0.5, "act_layer": "silu"}))
    assert model.layer4[0].drop_path.drop_prob == 0.5
    assert isinstance(model.act1, torch.nn.SiLU)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 3}, "arguments.num_classes is set by the data set"),
        ({"drop_rate": 0.1}, "arguments.drop_rate is set by dropout"),
        ({"depht": 3}, "timm cannot build resnet10t: .*depht"),
    ],
)
def test_timm_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ours.network(**settings(arguments=arguments))


@pytest.mark.parametrize("name", ["resnet10t", "efficientnet_b0", "convnext_atto"])
def test_timms_stochastic_depth_draws_from_torchs_generator_alone(name):
    torch.manual_seed(0)
    model = ours.network(**settings(name=name, arguments={"drop_path_rate": 0.9}))
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.ones_(layer.eval().weight)  # timm's last ones begin at 0
        if hasattr(layer, "gamma"):  # ConvNeXt's branches begin at 1e-6
            torch.nn.init.ones_(layer.gamma)
    images = torch.randn(4, 1, 64, 64)
    before = random.getstate(), np.random.get_state()[1].tolist()
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(model(images))
    assert torch.equal(outputs[0], outputs[1]) and not torch.equal(outputs[0], outputs[2])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_efficientnet_on_cifar():
    model = build("efficientnet_b0").eval()
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 10)
