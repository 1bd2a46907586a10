"""Some classes of a data set, and a few examples of each: what transfer is tried on."""

import json

import pytest
import torch
from commands import run
from test_configs import settings_of

from basin.core.protocols import Dataset
from basin.dataset.classes import Classes
from basin.dataset.facts import Facts
from basin.dataset.few_shot import FewShot
from basin.dataset.mirrored import Mirrored
from basin.dataset.resident import Resident
from basin.experiment.check import check

NAMES = ("ant", "bee", "cat", "dog")


def part(labels):
    """Images of one pixel that say which class and which example they are."""
    numbers = torch.arange(len(labels)).to(torch.uint8)
    pixels = torch.stack([labels.to(torch.uint8), numbers], 1)
    return Resident(pixels[:, :, None, None], labels)


class Base:
    num_train = 40
    facts = Facts(train=40, test=8, num_classes=4, shape=(2, 1, 1))

    def __init__(self, train=None):
        self.train = torch.arange(40) % 4 if train is None else train

    def load(self):
        small = part(torch.arange(8) % 4)
        values = (2, 1, 1), (0.5,) * 2, (0.2,) * 2
        return Dataset(part(self.train), small, small, NAMES, *values, notes={"label_noise": 0.4})


def few(per_class=3, seed=0, fill=None, base=None):
    return FewShot(base=base or Base(), seed=seed, per_class=per_class, fill=fill)


def test_kept_classes_are_numbered_in_their_order():
    classes = Classes(base=Base(), keep=["dog", 1])
    data = classes.load()
    assert data.classes == ("dog", "bee") and classes.facts.num_classes == 2
    assert (classes.num_train, classes.facts.train, classes.facts.test) == (20, 20, 4)
    for name, num in (("train", 20), ("validation", 4), ("test", 4)):
        examples = getattr(data, name)
        was = torch.where(examples.labels == 0, 3, 1)
        assert len(examples) == num and torch.equal(examples.images[:, 0, 0, 0].long(), was)
        assert examples.images[:, 1, 0, 0].tolist() == sorted(examples.images[:, 1, 0, 0].tolist())


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ([1], r"dataset.keep=\[1\] must be two classes or more"),
        ([0, 1, 2, 3, 0], "is more than the 4 classes"),
        (["bee", 1], "has a class twice"),
        (["bee", "eel"], "dataset.keep: 'eel' is no class; they are ant, bee, cat, dog, or"),
        ([0, 4], "dataset.keep: 4 is no class"),
    ],
)
def test_what_classes_refuses(keep, message):
    with pytest.raises(ValueError, match=message):
        Classes(base=Base(), keep=keep).load()


def test_classes_of_unequal_size_are_refused_and_few_shot_makes_them_equal():
    unequal = Base(torch.tensor([0] * 19 + [1] * 7 + [2] * 7 + [3] * 7))
    with pytest.raises(ValueError, match="are 26 training examples, not 20"):
        Classes(base=unequal, keep=[0, 1]).load()
    odd = Base()
    odd.num_train = 39
    with pytest.raises(ValueError, match="39 training examples of 4 classes, which cannot"):
        Classes(base=odd, keep=[0, 1])
    both = Classes(base=few(7, base=unequal), keep=[0, 1])
    assert both.load().train.labels.bincount().tolist() == [7, 7] and both.num_train == 14


def test_every_class_has_as_many_and_the_choice_goes_by_the_seed():
    rows = [set(few(k, seed).load().train.images[:, 1, 0, 0].tolist()) for seed, k in SEEDED]
    assert rows[0] < rows[1] and rows[0] != rows[2] and [*map(len, rows)] == [12, 20, 12]
    data = few().load()
    assert data.train.labels.bincount().tolist() == [3, 3, 3, 3] and len(data.test) == 8


def test_a_share_of_all_labels_is_not_called_one_of_the_kept():
    assert few().load().notes == {"base_label_noise": 0.4}
    assert Classes(base=Base(), keep=["ant", "bee"]).load().notes == {"base_label_noise": 0.4}


SEEDED = [(0, 3), (0, 5), (1, 3)]


def test_copies_fill_a_minibatch_with_every_example_equally_often():
    made = few(3, fill=30)
    train = made.load().train
    assert made.num_train == made.facts.train == len(train) == 36  # three of each
    assert set(train.images[:, 1, 0, 0].bincount().tolist()) == {0, 3}
    assert few(3, fill=12).num_train == 12
    assert (made.facts.copies, Mirrored(base=made).facts.copies) == (3, 6)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (("dataset.per_class=2", "dataset.fill=20000"), 20),
        (("dataset.per_class=100", "dataset.fill=null", "drop_last=true"), 1000),
    ],
)
def test_rules_go_by_the_number_of_examples_and_not_of_what_a_pass_draws(words, size):
    """20,000 drawn, and more than the 960 in whole minibatches."""
    words = ["dataset=few_shot", "dataset@dataset.base=digits", "batch_size=64", *words]
    words += ["model=wrn_16_1", "augment=none", "schedule=hyperrule"]
    check(*settings_of(*words, "epochs=500 steps"))
    with pytest.raises(
        ValueError, match=f"the rule of {size} examples has 500: pass epochs='500 steps'"
    ):
        check(*settings_of(*words, "epochs=10000 steps"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: few(0), "dataset.per_class=0 must be 1 to 10: 40 training examples of 4"),
        (lambda: few(11), "dataset.per_class=11 must be 1 to 10"),
        (lambda: few(2.5), "dataset.per_class=2.5 must be a whole number"),
        (lambda: few(fill=40.5), "dataset.fill=40.5 must be a whole number"),
        (lambda: few(fill=0), "dataset.fill=0 must be 1 or more, or null"),
        (
            lambda: few(5, base=Base(torch.tensor([0] * 36 + [1] * 4))).load(),
            "dataset.per_class=5: the class bee has 4 training examples",
        ),
    ],
)
def test_what_few_shot_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_a_few_of_some_digits_on_the_command_line(tmp_path):
    run(
        *("dataset=classes", "dataset@dataset.base=few_shot", "dataset@dataset.base.base=digits"),
        *("dataset.keep=[7,2]", "dataset.base.per_class=3", "dataset.base.fill=null"),
        *("model=wrn_16_1", "augment=none", "batch_size=6", "epochs=2 steps", "device=cpu"),
        *("schedule=constant", f"results={tmp_path}"),
        output=tmp_path / "out",
    )
    (record,) = tmp_path.glob("wrn_16_1_classes_*/record.json")
    content = json.loads(record.read_text())["dataset"]
    assert (content["train"], content["classes"]) == (6, ["7", "2"]) and 60 < content["test"] < 84
