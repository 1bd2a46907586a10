"""Labels of a file in place of a training set's, and what holds the two together."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.relabelled import Relabelled, file_checksum, read_labels, write_labels
from basin.dataset.resident import Resident

BEFORE = torch.arange(8) % 2
NAMES = ("ant", "bee")


class Base:
    facts = Facts(train=8, test=2, num_classes=2, shape=(1, 1, 1))
    num_train = 8

    def __init__(self, labels=BEFORE, names=NAMES):
        self.labels, self.names = labels, names

    def load(self):
        train = Resident(torch.zeros(8, 1, 1, 1, dtype=torch.uint8), self.labels)
        test = Resident(torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.arange(2))
        notes = {"label_noise": 0.5}
        return Dataset(train, test, test, self.names, (1, 1, 1), (0.5,), (0.5,), None, notes)


@pytest.fixture
def file(tmp_path):
    """Two of eight labels changed."""
    labels = BEFORE.clone()
    labels[2:4] = 1 - labels[2:4]
    origin = {"run": "net_s0", "solution": "last", "classes": NAMES}
    write_labels(tmp_path / "labels.safetensors", labels, replaces=BEFORE, **origin)
    return tmp_path / "labels.safetensors"


def relabelled(labels, base=None, sha256="its own"):
    if sha256 == "its own" and labels.is_file():
        sha256 = file_checksum(labels)
    return Relabelled(base=base or Base(), labels=str(labels), sha256=sha256)


def test_training_labels_are_the_files_and_the_record_says_how_many_changed(file):
    data = relabelled(file).load()
    assert data.train.labels.tolist() == [0, 1, 1, 0, 0, 1, 0, 1]
    assert data.test.labels.tolist() == data.validation.labels.tolist() == [0, 1]
    assert data.notes == {"label_noise": 0.5, "relabelled": 0.25}
    assert read_labels(file)[1]["run"] == "net_s0"


def test_another_data_set_is_refused(file):
    for base, what in (
        (Base(labels=BEFORE.flip(0)), "the labels they replace: "),
        (Base(names=("bee", "ant")), "the classes: ant, bee, here bee, ant"),
    ):
        with pytest.raises(ValueError, match=f"of the run net_s0, whose .* {what}"):
            relabelled(file, base).load()
    fewer = Base()
    fewer.num_train = 7
    with pytest.raises(ValueError, match=r"the number of examples: 8, here 7\. Noise"):
        relabelled(file, fewer)


def test_what_it_refuses_before_anything_is_read(file, tmp_path):
    with pytest.raises(ValueError, match="dataset.labels= is not given: python scripts/relabel"):
        Relabelled(base=Base(), labels=None, sha256=None)
    with pytest.raises(ValueError, match="nowhere is no file"):
        relabelled(tmp_path / "nowhere")
    with pytest.raises(
        ValueError, match=f"is not given: add dataset.sha256={file_checksum(file)}, which"
    ):
        relabelled(file, sha256=None)
    with pytest.raises(ValueError, match="sha256='12' is not 64"):
        relabelled(file, sha256="12")
    with pytest.raises(ValueError, match=f"not {'0' * 64}: it is another file"):
        relabelled(file, sha256="0" * 64)
    real = SimpleNamespace(facts=SimpleNamespace(targets=torch.float64))
    with pytest.raises(ValueError, match="dataset.base has real targets"):
        relabelled(file, real)
    save_file({"labels": BEFORE}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"no file of scripts/relabel\.py"):
        relabelled(tmp_path / "other.safetensors")
    (tmp_path / "text").write_text("0 1 0 1")
    with pytest.raises(ValueError, match="text cannot be read"):
        relabelled(tmp_path / "text")


def test_labels_beyond_the_classes_are_refused(file):
    origin = {"run": "net_s0", "solution": "last", "classes": NAMES}
    write_labels(file, BEFORE + 1, replaces=BEFORE, **origin)
    with pytest.raises(ValueError, match="has labels outside of 0 to 1"):
        relabelled(file).load()
