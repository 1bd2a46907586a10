"""Shake-Shake's gate: its forward and backward weights, and when they are the same."""

import pytest
import torch

from basin.core.gates import coupled
from basin.model.shake_gate import ShakeGate

MAPS = torch.randn(3, 4, 2, 2, dtype=torch.float64)


def gate(forward="shake", backward="shake", level="image"):
    return ShakeGate(forward_mode=forward, backward_mode=backward, level=level).train()


def weights(one, *, level="image"):
    """alpha and beta (B,) of a pass: the output for branches 1 and 0, the gradient of the first."""
    first = torch.ones_like(MAPS, requires_grad=True)
    out = one(first, torch.zeros_like(MAPS, requires_grad=True))
    (grad,) = torch.autograd.grad(out.sum(), first)
    alpha, beta = out[:, 0, 0, 0].detach(), grad[:, 0, 0, 0]
    assert torch.equal(out.detach(), alpha.view(-1, 1, 1, 1).expand_as(MAPS))
    return alpha, beta


def test_evaluation_takes_the_mean():
    assert torch.equal(gate().eval()(MAPS, 3 * MAPS), 2 * MAPS)


def test_each_image_has_its_own_forward_and_backward_weights():
    alpha, beta = weights(gate())
    assert len(set(alpha.tolist())) == len(set(beta.tolist())) == 3
    assert not torch.equal(alpha, beta)


def test_a_batch_can_share_them():
    alpha, beta = weights(gate(level="batch"))
    assert len(set(alpha.tolist())) == len(set(beta.tolist())) == 1 and alpha[0] != beta[0]


@pytest.mark.parametrize(("forward", "backward"), [("even", "shake"), ("shake", "even")])
def test_even_is_one_half(forward, backward):
    alpha, beta = weights(gate(forward, backward))
    even, drawn = (alpha, beta) if forward == "even" else (beta, alpha)
    assert even.tolist() == [0.5] * 3 and 0.5 not in drawn.tolist()


def test_coupled_gates_have_the_true_gradient_and_the_same_forward_weights():
    one = gate()
    torch.manual_seed(1)
    free, beta = weights(one)
    torch.manual_seed(1)
    with coupled([one]):
        alpha, same = weights(one)
    assert torch.equal(alpha, same) and torch.equal(alpha, free) and not torch.equal(alpha, beta)


def test_gradients_of_both_branches_add_up():
    first, second = (MAPS.clone().requires_grad_() for _ in range(2))
    gate()(first, second).sum().backward()
    torch.testing.assert_close(first.grad + second.grad, torch.ones_like(MAPS), rtol=0, atol=1e-15)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="backward_mode='odd' is not one of shake, even"):
        gate(backward="odd")
