import pytest
import torch
from torch import nn

from basin.core.ensemble import Combined, Ensemble, Member, passes


def test_one_network_alone_is_returned_bitwise():
    logits = torch.randn(5, 4)
    combined = Combined()
    combined.add(logits, 3)
    assert combined.logits() is logits and combined.num == 3


def test_it_is_the_mean_of_softmaxes_with_every_network_once():
    logits = [torch.randn(5, 4, dtype=torch.float64) for _ in range(4)]
    one_by_one, grouped, group = Combined(), Combined(), Combined()
    for values in logits:
        one_by_one.add(values)
    for values in logits[1:]:
        group.add(values)
    grouped.add(logits[0])
    grouped.add(group.logits(), 3)
    mean = torch.stack([values.softmax(1) for values in logits]).mean(0)
    torch.testing.assert_close(one_by_one.logits().softmax(1), mean)
    torch.testing.assert_close(one_by_one.logits().exp(), mean)
    torch.testing.assert_close(grouped.logits().exp(), mean)


def test_certain_networks_do_not_make_the_loss_infinite():
    combined = Combined()
    for _ in range(2):
        combined.add(torch.tensor([[0.0, 500.0]]))
    assert combined.logits()[0, 0].item() == -500


def test_outputs_of_one_column_have_their_plain_mean():
    combined = Combined()
    combined.add(torch.tensor([[1.0], [2.0]]))
    combined.add(torch.tensor([[4.0], [8.0]]), 2)
    assert combined.logits().tolist() == [[3.0], [6.0]]


def test_no_networks_predict_nothing():
    with pytest.raises(ValueError, match="no networks"):
        Combined().logits()


def test_members_are_read_one_at_a_time_into_one_network():
    states = [nn.Linear(3, 2).state_dict() for _ in range(3)]
    read = []

    def reader(i):
        return lambda: read.append(i) or states[i]

    members = [Member(f"m_{i}", reader(i), stored=False) for i in range(3)]
    ensemble = Ensemble(nn.Linear(3, 2), members)
    images = torch.randn(4, 3)
    expected = torch.stack(
        [nn.functional.linear(images, s["weight"], s["bias"]).softmax(1) for s in states]
    ).mean(0)
    torch.testing.assert_close(ensemble(images).softmax(1), expected)
    assert read == [0, 1, 2]
    assert len({id(network) for network in ensemble.each()}) == 1
    assert passes(ensemble) == 3 and passes(nn.Linear(1, 1)) == 1
    assert set(ensemble.state_dict()) == {f"m_{i}.{k}" for i in range(3) for k in states[0]}
