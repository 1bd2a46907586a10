"""Blocks that backward computes again: the same results bit by bit, from less memory."""

import copy

import pytest
import torch
from commands import MINI, bitwise, final_weights, run
from test_configs import settings_of
from torch import nn

from basin.experiment import build
from basin.experiment.check import check
from basin.model.recomputed_blocks import blocks, recompute_blocks_

NETWORKS = {  # words, and how many blocks there are
    "wrn": (["model=wrn_16_1", "model.dropout=0.3"], 6),
    "preresnet": (["model=preresnet20"], 9),
    "torchvision": (["model=torchvision", "model.name=resnet18"], 8),
    "densenet": (["model=densenet_bc_100_12", "model.dropout=0.2"], 48),
    "bit": (["model=bit_r50x1", "model.width=0.5"], 16),
}


def pair(words):
    """A network as it is, and one of the same weights that computes again."""
    settings, _ = settings_of(*words)
    torch.manual_seed(0)
    plain = build.model(settings, num_classes=10, in_channels=3)
    again = copy.deepcopy(plain)
    recompute_blocks_(again)
    return plain, again


def step(network, images):
    """Bytes kept for backward, and afterwards the loss, every gradient and every buffer."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network.train()(images).square().sum()
    loss.backward()
    gradients = [p.grad for p in network.parameters()]
    return sum(kept.values()), [loss.detach(), *gradients, *network.buffers()]


@pytest.mark.parametrize("name", NETWORKS)
def test_results_are_bitwise_those_of_keeping_everything(name):
    words, num = NETWORKS[name]
    plain, again = pair(words)
    assert len([*blocks(plain)]) == num
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in again.named_parameters()]
    images = torch.randn(4, 3, 32, 32)
    (much, expected), (less, found) = step(plain, images), step(copy.deepcopy(again), images)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert less < 0.6 * much
    assert step(again, images)[0] == less and torch.equal(
        plain.eval()(images), again.eval()(images)
    )


def test_a_run_is_bitwise_the_same_and_its_folder_too(tmp_path):
    for name in ("false", "true"):
        words = [*MINI, "model.dropout=0.3", f"runtime.recompute={name}"]
        run(*words, f"results={tmp_path / name}", output=tmp_path / f"output-{name}")
    plain, again = tmp_path / "false", tmp_path / "true"
    assert [p.name for p in plain.iterdir()] == [p.name for p in again.iterdir()]
    assert bitwise(final_weights(plain), final_weights(again))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=vgg16"], "VGG has no blocks"),
        (["model=shake_shake_26_2x32d"], "draws numbers of its own"),
        (["model=curve"], "on a curve"),
        (["model=resnet20", "runtime.compile=true"], "with runtime.compile=True"),
        (["model=resnet20", "runtime.autotune=true"], "with runtime.autotune=True"),
    ],
)
def test_what_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        check(*settings_of("dataset=cifar10", "runtime.recompute=true", *words))


def test_several_processes_are_refused():
    with pytest.raises(ValueError, match="is for a run of one process, and this has 2"):
        check(*settings_of("model=resnet20", "runtime.recompute=true"), ranks=2)


def test_only_layers_of_layers_in_sequences_are_blocks():
    inner = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    block = nn.TransformerEncoderLayer(4, 2)
    assert [*blocks(nn.Sequential(inner, block, nn.Linear(2, 2)))] == [block]
