import torch

from basin.training.precision import Precision
from basin.training.reporting import Evaluator
from basin.training.tally import Tally

CPU = torch.device("cpu")


def test_loss_and_error_of_classes():
    tally = Tally(CPU)
    tally.add(
        torch.tensor([1.0, 3.0]),
        torch.tensor([[2.0, 1.0], [2.0, 1.0]]),
        torch.tensor([0, 1]),
        num=2,
    )
    assert tally.read() == {"loss": 2.0, "error": 50.0}


def test_real_targets_have_a_loss_alone_and_their_sums_resume():
    tally = Tally(CPU, classes=False)
    tally.add(
        torch.tensor([1.0, 3.0]), torch.tensor([[0.5], [2.0]]), torch.tensor([1.0, 0.0]), num=2
    )
    assert tally.read() == {"loss": 2.0}
    again = Tally(CPU, classes=False)
    again.load_state_dict(tally.state_dict())
    assert again.read() == {"loss": 2.0}


def test_the_best_epoch_goes_by_the_first_score():
    evaluator = Evaluator({}, lambda images: images, Precision("fp32", CPU), 10)
    for epoch, risk in enumerate((3.0, 1.0, 2.0)):
        evaluator.note_best({"last": {"test": {"excess_risk": risk, "other": -epoch}}}, epoch)
    assert evaluator.best["last"]["epoch"] == 1
