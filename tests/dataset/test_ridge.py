import pytest
import torch

from basin.dataset.ridge import Ridge
from basin.dataset.vectors import excess_risk

LIBSVM = "+1 1:1 3:0.5\n-1 2:2\n+1 1:-1 2:1 3:1\n-1 3:3\n"


def ridge(**changes):
    values = {
        "root": None,
        "file": None,
        "num": 50,
        "dimension": 5,
        "scale": 2.0,
        "exponent": 1.0,
        "noise": 0.5,
        "problem": 0,
        "l2": 0.1,
    }
    return Ridge(**{**values, **changes})


def loss(features, targets, l2, w):
    return ((features @ w - targets) ** 2).mean() / 2 + l2 * (w @ w) / 2


def risk(problem, w):
    rows, targets = problem.load().test.fetch(torch.arange(problem.dimension))
    return excess_risk((rows.flatten(1) @ w)[:, None], targets)["excess_risk"]


def test_the_optimum_is_where_the_gradient_is_zero():
    problem = ridge()
    features, targets = problem.examples
    w = problem.optimum.clone().requires_grad_()
    loss(features, targets, 0.1, w).backward()
    assert w.grad.abs().max() < 1e-14
    assert risk(problem, problem.optimum) < 1e-28


def test_the_risk_is_the_loss_above_the_least():
    problem = ridge()
    features, targets = problem.examples
    least = loss(features, targets, 0.1, problem.optimum)
    for seed in range(3):
        w = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        excess = (loss(features, targets, 0.1, w) - least).item()
        assert risk(problem, w) == pytest.approx(excess, rel=1e-12)


def test_training_examples_are_the_problems():
    problem = ridge()
    data = problem.load()
    rows, targets = data.train.fetch(torch.tensor([3, 1]))
    features, values = problem.examples
    assert torch.equal(rows.flatten(1), features[[3, 1]]) and torch.equal(targets, values[[3, 1]])
    assert (len(data.train), len(data.test), problem.num_train) == (50, 5, 50)


def test_random_features_have_their_variances_and_are_their_seeds():
    features, _ = ridge(num=20_000).examples
    expected = 2.0 / torch.arange(1, 6)
    torch.testing.assert_close(features.var(0), expected.double(), rtol=0.05, atol=0)
    assert torch.equal(ridge().examples[1], ridge().examples[1])
    assert not torch.equal(ridge().examples[1], ridge(problem=1).examples[1])


def test_noise_is_what_the_best_fit_leaves():
    problem = ridge(num=20_000, noise=0.5, l2=1e-9)
    features, targets = problem.examples
    residual = features @ problem.optimum - targets
    assert residual.std().item() == pytest.approx(0.5, rel=0.03)
    exact = ridge(noise=0.0, l2=1e-9)
    features, targets = exact.examples
    assert (features @ exact.optimum - targets).abs().max() < 1e-6


def test_a_libsvm_file(tmp_path):
    (tmp_path / "small").write_text(LIBSVM)
    problem = ridge(root=str(tmp_path), file="small", num=4, dimension=4, l2=1.0)
    features, targets = problem.examples
    assert features.tolist() == [[1, 0, 0.5, 0], [0, 2, 0, 0], [-1, 1, 1, 0], [0, 0, 3, 0]]
    assert targets.tolist() == [1, -1, 1, -1]
    hessian = features.T @ features / 4 + torch.eye(4)
    expected = torch.linalg.solve(hessian, features.T @ targets / 4)
    torch.testing.assert_close(problem.optimum, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num": 0}, "num=0"),
        ({"dimension": 0}, "dimension=0"),
        ({"noise": -1.0}, "noise=-1"),
        ({"l2": -1.0}, "l2=-1"),
        ({"scale": 0.0}, "scale=0"),
        ({"num": 3, "l2": 0.0}, "l2=0.0 leaves the Hessian singular"),
        ({"file": "absent"}, "there is no file"),
        ({"file": "small", "dimension": 3}, "holds 4 examples"),
        ({"file": "small", "num": 4, "dimension": 2}, "dimension=2"),
        ({"file": "words"}, "words"),
    ],
)
def test_bad_values_are_named(tmp_path, changes, words):
    (tmp_path / "small").write_text(LIBSVM)
    (tmp_path / "words").write_text("no numbers\n")
    with pytest.raises(ValueError, match=words):
        ridge(root=str(tmp_path), **changes)
