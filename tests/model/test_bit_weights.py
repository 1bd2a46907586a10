"""The authors' .npz files: strict in names and shapes, free in the head."""

import numpy as np
import pytest
import torch
from official_bit import KERNEL, model, official_values, write

from basin.core.files import write_json


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    return write(tmp_path_factory.mktemp("weights") / "BiT.npz", classes=5)


@pytest.mark.parametrize("head", ["zero", "fresh"])
def test_a_new_head_takes_a_file_with_any_number_of_classes(npz, head):
    torch.manual_seed(3)
    network = model(weights=str(npz), head=head, num_classes=7)
    assert network.linear.weight.shape == (7, 2048)
    assert bool(network.linear.weight.any()) is (head == "fresh")
    assert bool(network.linear.bias.any()) is (head == "fresh")
    stem = np.load(npz)[f"resnet/root_block/{KERNEL}"]
    assert torch.equal(network.stem.weight, torch.from_numpy(stem.transpose(3, 2, 0, 1)))


def refused(tmp_path, change, **settings):
    values = official_values(classes=5)
    change(values)
    np.savez(tmp_path / "other.npz", **values)
    with pytest.raises(ValueError) as error:
        model(weights=str(tmp_path / "other.npz"), **settings)
    return str(error.value)


def test_missing_and_unexpected_tensors_are_named(tmp_path):
    def rename(values):
        values["resnet/block2/unit03/a/group_norm/beta"] = values.pop(
            "resnet/block2/unit02/a/group_norm/beta"
        )

    message = refused(tmp_path, rename)
    assert "lacks resnet/block2/unit02/a/group_norm/beta;" in message
    assert "has beside the model's resnet/block2/unit03/a/group_norm/beta" in message


def test_a_missing_head_matters_where_it_is_kept(tmp_path):
    def remove(values):
        del values["resnet/head/conv2d/bias"]

    assert "lacks resnet/head/conv2d/bias" in refused(tmp_path, remove, head="keep")
    model(weights=str(tmp_path / "other.npz"))


def test_shapes_are_named(tmp_path):
    message = refused(tmp_path, lambda values: None, head="keep", num_classes=7)
    assert "resnet/head/conv2d/kernel (5, 2048, 1, 1), not (7, 2048)" in message
    assert "resnet/head/conv2d/bias (5,), not (7,)" in message
    message = refused(tmp_path, lambda values: None, in_channels=1)
    assert f"resnet/root_block/{KERNEL} (64, 3, 7, 7), not (64, 1, 7, 7)" in message
    message = refused(tmp_path, lambda values: None, width=2)
    assert "and 49 more" in message  # of the 52 tensors that are not of the head


def test_what_is_no_npz_file_is_refused(tmp_path):
    write_json(tmp_path / "weights.npz", {})
    with pytest.raises(ValueError, match="is not an .npz file"):
        model(weights=str(tmp_path / "weights.npz"))
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="is one array"):
        model(weights=str(tmp_path / "one.npy"))


def test_a_check_on_the_meta_device_reads_no_file(npz, monkeypatch):
    monkeypatch.setattr(np, "load", None)
    with torch.device("meta"):
        assert model(weights=str(npz)).linear.weight.is_meta
