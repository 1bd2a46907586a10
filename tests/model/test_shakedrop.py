import pytest
import torch

from basin.core.gates import coupled
from basin.model.shakedrop import ShakeDrop

ONES = torch.ones(4000, 1, 1, 1, dtype=torch.float64)


def factors(gate):
    """Forward and backward factors (B,) of one pass."""
    maps = ONES.clone().requires_grad_()
    out = gate(maps)
    (grad,) = torch.autograd.grad(out.sum(), maps)
    return out.detach().flatten(), grad.flatten()


def test_survivors_are_left_and_the_others_disturbed():
    forward, backward = factors(ShakeDrop(survival=0.7, level="image").train())
    kept = forward == 1
    assert torch.equal(kept, backward == 1)
    assert abs(kept.double().mean() - 0.7) < 0.03  # 4 sigma
    alpha, beta = forward[~kept], backward[~kept]
    assert alpha.min() < -0.9 and alpha.max() > 0.9 and abs(alpha.mean()) < 0.07
    assert 0 <= beta.min() < 0.05 and 0.95 < beta.max() < 1 and abs(beta.mean() - 0.5) < 0.035

    assert abs(torch.corrcoef(torch.stack([alpha, beta]))[0, 1]) < 0.12  # drawn apart; 4 sigma


def test_a_batch_survives_or_not_as_one():
    gate = ShakeDrop(survival=0.5, level="batch").train()
    passes = [factors(gate) for _ in range(20)]
    whole = [bool((forward == 1).all()) for forward, _ in passes]
    assert 0 < sum(whole) < 20
    for (forward, backward), kept in zip(passes, whole, strict=True):
        if not kept:  # each image has its own alpha and beta all the same
            assert len(forward.unique()) > 3900 and len(backward.unique()) > 3900


def test_evaluation_takes_the_expectation():
    gate = ShakeDrop(survival=0.7, level="image")
    assert torch.equal(gate.eval()(ONES), 0.7 * ONES)
    forward, _ = factors(gate.train())
    assert abs(forward.mean() - 0.7) < 0.04


def test_coupled_it_has_the_true_gradient():
    gate = ShakeDrop(survival=0.5, level="image").train()
    torch.manual_seed(3)
    free, beta = factors(gate)
    torch.manual_seed(3)
    with coupled([gate]):
        forward, backward = factors(gate)
    assert torch.equal(forward, free) and torch.equal(forward, backward)
    assert not torch.equal(backward, beta)


def test_every_pixel_of_an_image_has_its_factor():
    maps = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    torch.manual_seed(0)
    scaled = ShakeDrop(survival=0.1, level="image").train()(maps) / maps
    torch.testing.assert_close(
        scaled, scaled[:, :1, :1, :1].expand_as(maps), rtol=1e-14, atol=1e-14
    )
    assert len(scaled[:, 0, 0, 0].unique()) == 3


def test_survival_of_1_changes_nothing():
    forward, backward = factors(ShakeDrop(survival=1.0, level="image").train())
    assert torch.equal(forward, ONES.flatten()) and torch.equal(backward, ONES.flatten())


def test_what_it_refuses():
    with pytest.raises(ValueError, match="survival=1.5 is not a probability"):
        ShakeDrop(survival=1.5, level="image")
    with pytest.raises(ValueError, match="shakedrop_level='pixel' is not one of image, batch"):
        ShakeDrop(survival=0.5, level="pixel")
