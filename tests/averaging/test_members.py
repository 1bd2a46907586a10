"""Members on disk, in memory and on the device are one ensemble; checkpoints hold no disk's."""

import pytest
import torch
from torch import nn

from basin.averaging.members import Members
from basin.core.images import Normalise
from basin.dataset.resident import Resident
from basin.training.precision import Precision
from basin.training.reporting import Evaluator, stored


def grown(keep, folder, most=None):
    model = nn.Linear(3, 2)
    members = Members(model, "fge", keep=keep, folder=folder)
    for number in range(3):
        model.weight.data.fill_(float(number))
        members.add(most=most)
    return members


def values(members):
    return [network.weight[0, 0].item() for network in members.ensemble().each()]


@pytest.mark.parametrize("keep", ["device", "cpu", "disk"])
def test_members_are_what_the_model_was(keep, tmp_path):
    members = grown(keep, tmp_path)
    assert values(members) == [0, 1, 2] and len(members) == 3
    again = Members(nn.Linear(3, 2), "fge", keep=keep, folder=tmp_path)
    again.load_state_dict(members.state_dict())
    assert values(again) == [0, 1, 2]
    assert values(grown(keep, tmp_path, most=2)) == [1, 2]
    weights = members.state_dict()["weights"]
    assert len(weights) == (0 if keep == "disk" else 3)
    files = sorted(file.name for file in tmp_path.iterdir())
    expected = [f"fge_{i}.safetensors" for i in range(3)] if keep == "disk" else []
    assert files == expected
    assert list(stored("fge", members.ensemble())) == (
        [] if keep == "disk" else ["fge_0", "fge_1", "fge_2"]
    )


def test_a_member_that_is_gone_and_a_folder_that_is_none(tmp_path):
    members = grown("disk", tmp_path)
    (tmp_path / "fge_1.safetensors").unlink()
    with pytest.raises(ValueError, match=r"fge_1.safetensors, a member of averaging.fge, is not"):
        values(members)
    with pytest.raises(ValueError, match="keep=disk needs the folder of a run"):
        grown("disk", None)


def test_an_evaluation_runs_only_members_that_are_new():
    model, counted = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), []
    images = torch.randint(0, 255, (6, 1, 2, 2), dtype=torch.uint8)
    half = torch.tensor([0.5])
    evaluator = Evaluator(
        {"test": Resident(images, torch.arange(6) % 2)},
        Normalise(half, half, width=2, dtype=torch.float32, channels_last=False),
        Precision("fp32", torch.device("cpu")),
        4,
    )
    members = Members(model, "fge", keep="cpu", folder=None)
    for expected in (1, 2, 3):
        model[1].weight.data.normal_()
        members.add(most=None)
        ensemble = members.ensemble()
        ensemble.network.register_forward_hook(lambda *_: counted.append(1))
        counted.clear()
        logits, labels = evaluator.predictions("fge", "test", ensemble)
        assert len(counted) == 2  # batches of one member, the new one
        evaluator.forget()
        fresh, _ = evaluator.predictions("fge", "test", members.ensemble())
        assert torch.equal(logits, fresh) and len(labels) == 6
        assert ensemble.passes == expected
