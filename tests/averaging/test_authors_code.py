"""Vectors of the authors' code: timgaripov/swa, diegogranziol/Gadam, timgaripov/
dnn-mode-connectivity and ZJLAB-AMMI/PSWA, each run once on tests/averaging/trajectory.py."""

import pytest
import torch
from averaging.trajectory import BN, IMAGES, Net, batches, train

from basin.averaging.fge import FGE
from basin.averaging.pswa import PSWA
from basin.averaging.swa import SWA
from basin.core.clock import Clock


def close(mine, theirs):
    torch.testing.assert_close(mine, torch.tensor(theirs, dtype=torch.float64), rtol=0, atol=1e-13)


def solution(averager):
    ((_, module),) = averager.predictors(batches)
    return module


def test_swa_of_epochs_3_5_7_and_9_with_its_bn_update():
    net = Net()
    swa = SWA(net, "swa", epochs=9, start=3, period=2, exclude_start=None, bn=BN)
    train(net, swa, 9)
    average = solution(swa)
    assert swa.describe()["iterates"] == 4
    close(
        average.a.weight[0].detach(), [0.5914245902339653, 0.629443141833287, 0.08875457165685766]
    )
    close(
        average.a.weight[3].detach(),
        [-0.23330419120008816, -0.6849710609783967, -0.5068786961990593],
    )
    mean = [0.795295932348573, 1.2021200806229906, 0.9256305045283728, 0.37513807189837756]
    variance = [5.727718800326091, 5.880278102161136, 5.904147009589751, 4.872289062603417]
    close(average.bn.running_mean, mean)
    close(average.bn.running_var, variance)


def test_gadams_average_leaves_its_start_out():
    net = Net()
    average = SWA(net, "ia", epochs=8, start=3, period=1, exclude_start=True, bn=BN)
    train(net, average, 8)
    assert average.describe()["iterates"] == 5  # epochs 4 to 8
    close(
        solution(average).a.weight[:2].detach().flatten(),
        [
            *(0.591929232123572, 0.6292131521099472, 0.08800140181155809),
            *(-0.526232833441464, -0.6680242629633935, -0.19563726586850824),
        ],
    )


def test_fge_of_epochs_2_and_6_of_a_cycle_of_4():
    def rate(t):
        x = t % 4 / 4
        return (
            0.05 * (1 - 2 * x) + 0.001 * 2 * x
            if x < 0.5
            else 0.05 * (2 * x - 1) + 0.001 * (2 - 2 * x)
        )

    net = Net()
    fge = FGE(net, "fge", None, Clock(10, 4), epochs=9, cycle=4, keep="cpu")
    fge.check_rate(lambda t: rate(t) / 0.05)
    train(net, fge, 9, rate=rate)
    ensemble = solution(fge)
    assert ensemble.passes == 2
    probabilities = ensemble(IMAGES).softmax(1)[:3].detach()
    close(
        probabilities,
        [
            [0.3580911112587143, 0.167805387421753, 0.4741035013195327],
            [0.4032344884368295, 0.3024715066502798, 0.2942940049128907],
            [0.3871417986341552, 0.16204557219921117, 0.45081262916663367],
        ],
    )


def test_pswa_is_written_back_after_epochs_4_and_6_and_goes_on_to_9():
    net = Net()
    fields = {"epochs": 9, "start": 2, "period": 1, "restart_every": 2, "stop": 6}
    pswa = PSWA(net, "pswa", **fields, bn=BN)
    train(net, pswa, 9)
    assert pswa.describe() == {**pswa.describe(), "iterates": 3, "restarts": 2}
    average = solution(pswa)
    close(
        average.a.weight[0].detach(), [0.591209212927807, 0.6311549037928765, 0.09081968683074298]
    )
    mean = [0.7961569524821362, 1.2040588433761, 0.926244135025309, 0.36605657637154987]
    close(average.bn.running_mean, mean)


@pytest.mark.parametrize("equal", [None, True])
def test_bn_statistics_against_a_direct_computation(equal):
    net = Net()
    bn = {**BN, "equal_batches": equal}
    swa = SWA(net, "swa", epochs=2, start=1, period=1, exclude_start=None, bn=bn)
    train(net, swa, 2)
    average = solution(swa)
    outputs = [average.a(images) for images in batches(True, None)]
    weights = [1 / 3] * 3 if equal else [len(o) / 10 for o in outputs]
    mean = sum(w * o.mean(0) for w, o in zip(weights, outputs, strict=True))
    variance = sum(w * o.var(0) for w, o in zip(weights, outputs, strict=True))
    torch.testing.assert_close(average.bn.running_mean, mean.detach())
    torch.testing.assert_close(average.bn.running_var, variance.detach())
    torch_like = torch.optim.swa_utils.AveragedModel(average)
    if equal:
        torch.optim.swa_utils.update_bn([(x,) for x in batches(True, None)], torch_like)
        torch.testing.assert_close(torch_like.module.bn.running_var, average.bn.running_var)
