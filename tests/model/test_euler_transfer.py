"""Between depths: interpolation in time, its transpose and projections, of rows and networks."""

import pytest
import torch
from test_euler_resnet import built, images

from basin.model.euler_transfer import interpolation, projection, transposed

LAST_NODE = pytest.mark.parametrize("last_node", [False, True])


def dense(rows, num):
    matrix = torch.zeros(len(rows), num, dtype=torch.float64)
    for k, row in enumerate(rows):
        for j, weight in row.items():
            matrix[k, j] = weight
    return matrix


def test_interpolation_by_hand():
    half = [0.5, 0.5]
    expected = [[1, 0, 0], [*half, 0], [0, 1, 0], [0, *half], [0, 0, 1]]
    assert dense(interpolation(3, 5), 3).tolist() == expected
    assert dense(interpolation(3, 6), 3).tolist() == [*expected, [0, 0, 1]]


def test_norm_of_interpolation_is_the_papers_files():
    """17: between 1.32 and 1.40 from 3 nodes on, below sqrt(2)."""
    norms = [torch.linalg.matrix_norm(dense(interpolation(c, 2 * c - 1), c), 2) for c in (3, 9, 65)]
    assert abs(norms[0] - 1.32) < 0.005 and norms[0] < norms[1] < norms[2] < 2**0.5


def test_projection_by_hand():
    open_end = [0, 0, 0, 0.25, 0.5, 0.25]
    closed = [[1, 0, 0, 0, 0], [0, 0.25, 0.5, 0.25, 0], [0, 0, 0, 0, 1]]
    assert dense(projection(3, 5, weighted=True), 5).tolist() == closed
    assert dense(projection(3, 6, weighted=True), 6).tolist()[2] == open_end
    assert dense(projection(3, 5, weighted=False), 5).argmax(1).tolist() == [0, 2, 4]


def test_steps_that_do_not_double_are_refused():
    with pytest.raises(ValueError, match="3 steps do not refine to 4: take 5 or 6"):
        interpolation(3, 4)


def test_transposing_twice_is_nothing():
    rows = interpolation(4, 7)
    assert transposed(transposed(rows, 4), 7) == rows


@LAST_NODE
def test_injection_undoes_interpolation(last_node):
    fine = built(last_node=last_node)
    coarse = fine.coarser()
    state = coarse.state_dict()
    back = fine.projected(fine.prolonged(state), weighted=False)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


@LAST_NODE
def test_transfers_load_into_the_other_depth(last_node):
    fine = built(last_node=last_node)
    coarse = fine.coarser()
    coarse.load_state_dict(fine.projected(fine.state_dict(), weighted=True))
    fine.load_state_dict(fine.prolonged(coarse.state_dict()))
    steps = fine.steps[1]
    middle = (steps[0].conv1.weight + steps[2].conv1.weight) / 2
    torch.testing.assert_close(steps[1].conv1.weight, middle, rtol=1e-15, atol=1e-15)
    assert torch.equal(fine.openings[0].weight, coarse.openings[0].weight)
    assert torch.equal(fine.linear.weight, coarse.linear.weight)


@LAST_NODE
def test_restriction_is_the_transpose_of_interpolation(last_node):
    fine = built(last_node=last_node)
    coarse = dict(built(1, nodes=3, last_node=last_node).named_parameters())
    gradients = {name: torch.randn_like(p) for name, p in fine.named_parameters()}
    up, down = fine.prolonged(coarse), fine.restricted(gradients)
    left = sum((up[name] * gradients[name]).sum() for name in gradients)
    right = sum((coarse[name] * down[name]).sum() for name in coarse)
    assert down.keys() == coarse.keys()
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)


def test_restriction_gives_the_gradient_of_the_composed_loss():
    """Chain rule: d L(I theta) / d theta = I^T dL, by autograd through the interpolation."""
    fine = built(norm="none")
    coarse = built(1, nodes=3, norm="none")
    parameters = dict(coarse.named_parameters())
    with torch.no_grad():
        fine.load_state_dict(fine.prolonged(parameters))
    fine(images()).square().sum().backward()
    down = fine.restricted({name: p.grad for name, p in fine.named_parameters()})
    for name, tangent in parameters.items():
        moved = {n: p.detach().clone() for n, p in parameters.items()}
        values = []
        for sign in (1, -1):
            moved[name] = parameters[name].detach() + sign * 1e-6 * tangent.sign()
            fine.load_state_dict(fine.prolonged(moved))
            values.append(fine(images()).square().sum().item())
        slope = (values[0] - values[1]) / 2e-6
        exact = (down[name] * tangent.sign()).sum().item()
        assert abs(slope - exact) < 1e-5 * max(1.0, abs(exact)), name


def test_counts_of_batches_stay_whole_numbers():
    fine = built()
    fine(images())
    moved = fine.projected(fine.state_dict(), weighted=True)
    up = fine.prolonged(moved)
    assert moved["steps.0.1.norm1.num_batches_tracked"].dtype == torch.int64
    assert up["steps.0.1.norm1.num_batches_tracked"] == 1
