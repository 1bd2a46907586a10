"""Fine-tuning: weights from a file under a classifier that begins at zero."""

import hashlib

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from basin.stages.new_head import NewHead, classifier
from basin.stages.solution import FromSolution


def network(classes=5):
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, classes))


def transfer(weights, classes=5, head="zero", **checksums):
    checksums = {"sha256": None, "md5": None, **checksums}
    return NewHead("results", classes, weights=weights, solution="last", head=head, **checksums)


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_all_but_the_head_are_the_files_and_the_head_is_zero(suffix, tmp_path):
    before = network(classes=9)  # of another data set
    before[1].running_mean.fill_(3.0)
    file = tmp_path / f"weights.{suffix}"
    if suffix == "pt":
        torch.save(before.state_dict(), file)
    else:
        save_file(before.state_dict(), file)
    model = transfer(str(file))(network())
    for name, value in model.state_dict().items():
        if name.startswith("3."):
            assert not value.any() and value.shape[0] == 5
        else:
            assert torch.equal(value, before.state_dict()[name])
    torch.manual_seed(0)
    assert transfer(str(file), head="fresh")(network())[3].weight.any()


def test_without_weights_only_the_head_is_new():
    model = network()
    before = model[0].weight.clone()
    assert transfer(None)(model) is model
    assert torch.equal(model[0].weight, before) and not model[3].weight.any()


def test_the_file_is_held_against_its_checksum(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file(network().state_dict(), file)
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    transfer(str(file), sha256=right)(network())
    with pytest.raises(ValueError, match=f"has the sha256 {right}, not {'0' * 64}"):
        transfer(str(file), sha256="0" * 64)
    with pytest.raises(ValueError, match="md5= is given, and no weights="):
        transfer(None, md5="0" * 32)


def test_a_classifier_may_be_a_convolution_as_timms_bit_has_it():
    with torch.device("meta"):
        name, head = classifier(timm.create_model("resnetv2_50x1_bit", num_classes=5))
    assert name == "head.fc" and isinstance(head, nn.Conv2d)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 5, 1))
    assert not transfer(None)(model)(torch.ones(1, 3, 8, 8)).any()


def test_what_it_refuses(tmp_path):
    with pytest.raises(ValueError, match="head='none' is not one of zero, fresh"):
        transfer(None, head="none")
    with pytest.raises(ValueError, match="has 5 outputs, and the data set 7 classes"):
        transfer(None, classes=7)(network())
    with pytest.raises(ValueError, match=r"no nn\.Linear"):
        classifier(nn.ReLU())
    with pytest.raises(ValueError, match="nowhere"):
        transfer(str(tmp_path / "nowhere"))
    file = tmp_path / "other.safetensors"
    save_file({"0.weight": torch.zeros(9, 9), "what": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"lacks .* has beside the model's what; .* other shapes"):
        transfer(str(file))(network())
    code = tmp_path / "code.pt"
    torch.save(network(), code)
    with pytest.raises(ValueError, match="no weights that can be read"):
        transfer(str(code))
    torch.save({"epoch": 3}, code)
    with pytest.raises(ValueError, match="not a state dictionary"):
        transfer(str(code))


def test_on_the_meta_device_it_only_looks(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file(network(classes=9).state_dict(), file)
    with torch.device("meta"):
        assert transfer(str(file))(network())[3].weight.is_meta


def test_a_stage_begins_with_a_solution_and_its_buffers():
    model, other = network(), network()
    other[1].running_mean.fill_(2.0)
    begun = FromSolution(lambda name: {"swa": other.state_dict()}[name], solution="swa")(model)
    assert all(
        torch.equal(a, b)
        for a, b in zip(begun.state_dict().values(), other.state_dict().values(), strict=True)
    )
    kept = model[0].weight.clone()
    FromSolution(lambda name: None, solution="swa")(model)
    assert torch.equal(model[0].weight, kept)
