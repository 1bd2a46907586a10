"""Models of torchvision and timm by name."""

import pytest
import timm
import torch
from test_model_contract import build

from basin.model import timm as ours
from basin.model import torchvision as theirs


@pytest.mark.parametrize("name", ["googlenet", "mobilenet_v3_small", "squeezenet1_1"])
def test_torchvision_gives_logits_of_any_number_of_classes(name):
    model = theirs.network(num_classes=7, in_channels=3, name=name)
    assert model.train()(torch.randn(2, 3, 64, 64)).shape == (2, 7)


def test_torchvision_refusals():
    with pytest.raises(ValueError, match="did you mean resnet50"):
        theirs.network(num_classes=7, in_channels=3, name="resnet_50")
    with pytest.raises(ValueError, match="takes images of 3 channels, and the data set's have 1"):
        theirs.network(num_classes=7, in_channels=1, name="resnet18")
    with pytest.raises(ValueError, match="no classifier"):
        theirs.network(num_classes=7, in_channels=3, name="fcn_resnet50")


def settings(**changes):
    values = {"name": "resnet10t", "pretrained": False, "weights": None, "dropout": 0.0}
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


def test_timm_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="is no model of timm; did you mean resnet18"):
        ours.network(**settings(name="resnet18_"))


def test_efficientnet_on_cifar():
    model = build("efficientnet_b0").eval()
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 10)
