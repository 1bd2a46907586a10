import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from commands import run

from basin.core.protocols import Dataset
from basin.dataset.facts import Facts
from basin.dataset.label_noise import LabelNoise, asymmetric, symmetric
from basin.dataset.resident import Resident

CLEAN = torch.arange(10_000) % 10
NAMES = tuple("abcdefghij")


class Base:
    facts = Facts(train=10_000, test=20, num_classes=10, shape=(1, 1, 1))
    num_train = 10_000

    def load(self):
        part = Resident(torch.zeros(20, 1, 1, 1, dtype=torch.uint8), CLEAN[:20])
        train = Resident(torch.zeros(10_000, 1, 1, 1, dtype=torch.uint8), CLEAN)
        return Dataset(train, part, part, NAMES, (1, 1, 1), (0.5,), (0.5,))


def noise(**changes):
    fields = {"seed": 3, "rate": 0.4, "exclude_true": False, "map": None, "noise_seed": None}
    return LabelNoise(base=Base(), **{**fields, **changes})


def test_the_share_that_changes_is_recorded_and_only_training_labels_do():
    data = noise().load()
    wrong = (data.train.labels != CLEAN).double().mean()
    assert data.notes == {"label_noise": wrong}
    assert abs(wrong - 0.36) < 0.01  # a tenth of 40 % is drawn right
    assert torch.equal(data.test.labels, CLEAN[:20])
    assert torch.equal(data.validation.labels, CLEAN[:20])


def test_without_the_true_label_the_share_is_exact_and_classes_are_uniform():
    data = noise(exclude_true=True).load()
    changed = data.train.labels != CLEAN
    assert data.notes["label_noise"] == 0.4 and int(changed.sum()) == 4000
    moves = (data.train.labels - CLEAN)[changed] % 10
    counts = moves.bincount(minlength=10)
    assert counts[0] == 0 and (counts[1:] - 4000 / 9).abs().max() < 80  # 4 sigma


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_limits_of_the_rate(others, rate):
    noisy = symmetric(CLEAN, 10, rate, 5, others=others)
    wrong = (noisy != CLEAN).double().mean()
    expected = rate * (1.0 if others else 0.9)
    assert abs(wrong - expected) < 0.012 and noisy.min() == 0 and noisy.max() == 9


def test_the_noise_has_a_seed_of_its_own():
    first, again, other = noise(), noise(seed=4), noise(seed=4, noise_seed=3)
    same = [one.load().train.labels for one in (first, again, other)]
    assert not torch.equal(same[0], same[1]) and torch.equal(same[0], same[2])


def test_classes_follow_the_map():
    data = noise(map={"a": "b", 2: 0, "1": "j"}, rate=0.25).load()
    table = torch.zeros(10, 10, dtype=torch.int64)
    for clean, now in zip(CLEAN.tolist(), data.train.labels.tolist(), strict=True):
        table[clean, now] += 1
    expected = 1000 * torch.eye(10, dtype=torch.int64)
    for source, target in ((0, 1), (2, 0), (1, 9)):
        expected[source, source], expected[source, target] = 750, 250
    assert torch.equal(table, expected) and data.notes["label_noise"] == 0.075


def test_a_cycle_in_the_map_takes_clean_labels():
    noisy = asymmetric(torch.tensor([0, 1]), {0: 1, 1: 0}, 1.0, 0)
    assert noisy.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 1.2}, "dataset.rate=1.2 must be 0 to 1"),
        ({"map": {"a": "b"}, "exclude_true": True}, "exclude_true=true is for symmetric noise"),
        ({"map": {"a": "z"}}, "dataset.map: 'z' is no class; they are a, b, c"),
        ({"map": {10: 1}}, "dataset.map: 10 is no class"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        noise(**changes).load()


def test_real_targets_are_refused():
    base = SimpleNamespace(facts=replace(Base.facts, targets=torch.float64), num_train=5)
    with pytest.raises(ValueError, match="dataset.base has real targets"):
        LabelNoise(base=base, seed=0, rate=0.1, exclude_true=False, map=None, noise_seed=None)


@pytest.mark.slow
def test_on_the_command_line_around_a_folder_and_around_digits(tmp_path):
    for base, fields in (
        ("digits", ["dataset.base.limit_train=100"]),
        ("image_folder", ["dataset.base.root=tests/dataset/folder", "dataset.base.workers=2"]),
    ):
        results = tmp_path / base
        run(
            *("dataset=label_noise", f"dataset@dataset.base={base}", "model=wrn_16_1", *fields),
            *("dataset.rate=0.5", "dataset.exclude_true=true", "batch_size=2", "epochs=4 steps"),
            *("augment=none", "schedule=constant", "device=cpu", f"results={results}"),
            output=tmp_path / f"{base}.out",
        )
        (record,) = results.glob("wrn_16_1_label_noise_*/record.json")
        assert json.loads(record.read_text())["dataset"]["label_noise"] == 0.5
