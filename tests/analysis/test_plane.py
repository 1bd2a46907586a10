"""Planes and paths against formulas written out, and the scores of one network."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from basin.analysis.path import along, statistics
from basin.analysis.pictures import draw_path, draw_plane
from basin.analysis.plane import Plane, axis, over, projected
from basin.analysis.points import SCORES, measure
from basin.analysis.vectors import flat, pieces, put_, weights_of


def net():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 4))


def batches(*sizes):
    made = [(torch.randn(n, 2, 6, 6), torch.randint(4, (n,))) for n in sizes]
    return lambda: iter(made)


def test_coordinates_are_those_of_the_orthonormal_basis():
    a, b, c, other = (torch.randn(9, dtype=torch.float64) for _ in range(4))
    plane = Plane(a, b, c)
    u = (b - a).numpy()
    u /= np.linalg.norm(u)
    v = (c - a).numpy() - u * np.dot(u, (c - a).numpy())
    height = np.linalg.norm(v)
    v /= height
    for point in (a, b, c, other):
        away = (point - a).numpy()
        x, y = away @ u, away @ v
        rest = np.linalg.norm(away - x * u - y * v)
        np.testing.assert_allclose(plane.coordinates(point), (x, y, rest), atol=1e-12)
    np.testing.assert_allclose(plane.coordinates(b), (plane.width, 0, 0), atol=1e-12)
    assert plane.height == pytest.approx(height)
    torch.testing.assert_close(plane.at(*plane.coordinates(c)[:2]), c)


def test_three_networks_on_a_line_span_no_plane():
    a, b = torch.randn(2, 9)
    for third in (a, b, torch.lerp(a, b, 0.5), 3 * a - 2 * b):
        with pytest.raises(ValueError, match="lie on a line"):
            Plane(a, b, third)
    with pytest.raises(ValueError, match="lie on a line"):
        Plane(a, a, b)


def test_an_axis_has_its_margins():
    np.testing.assert_allclose(axis(10.0, 8, 0.2), [-2, 0, 2, 4, 6, 8, 10, 12], atol=1e-12)


def test_vectors_in_any_memory_format():
    model = net().to(memory_format=torch.channels_last)
    other = put_(net().to(memory_format=torch.channels_last), weights_of(model))
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True)
    )
    assert other[0].weight.is_contiguous(memory_format=torch.channels_last)
    like = [*model.parameters()]
    assert torch.equal(
        flat(pieces(torch.arange(sum(p.numel() for p in like)), like)),
        torch.arange(sum(p.numel() for p in like)),
    )


def test_scores_are_those_of_re_estimated_statistics():
    model, train, test = net(), batches(8, 4), batches(5)
    found = measure(model, train=train, test=test, weight_decay=0.1)
    maps = torch.cat([model[0](images) for images, _ in train()])
    torch.testing.assert_close(model[1].running_mean, maps.mean((0, 2, 3)))
    square = sum(p.square().sum().item() for p in model.parameters())
    for part, pass_ in (("train", train), ("test", test)):
        logits = torch.cat([model(images) for images, _ in pass_()])
        labels = torch.cat([labels for _, labels in pass_()])
        nll = F.cross_entropy(logits, labels).item()
        assert found[f"{part}_nll"] == pytest.approx(nll)
        assert found[f"{part}_loss"] == pytest.approx(nll + 0.05 * square)
        wrong = (logits.argmax(1) != labels).double().mean().item()
        assert found[f"{part}_error"] == pytest.approx(100 * wrong)


def line_of_networks():
    start, end = net(), net()
    low, high = weights_of(start), weights_of(end)
    return lambda t: put_(net(), torch.lerp(low, high, t)), float((high - low).norm())


def test_a_path_and_its_statistics():
    at, length = line_of_networks()
    made = iter([{name: float(i * i) for name in SCORES} for i in range(5)])
    ts = [0.0, 0.1, 0.2, 0.5, 1.0]
    points = along(at, ts, lambda network: next(made), lambda text: None)
    np.testing.assert_allclose(points["dl"] / length, [0, 0.1, 0.1, 0.3, 0.5], rtol=1e-5)
    found = statistics(points["test_error"], points["dl"])
    integral = 0.1 * 0.5 + 0.1 * 2.5 + 0.3 * 6.5 + 0.5 * 12.5
    wanted = {"start": 0, "end": 16, "min": 0, "max": 16, "avg": 6, "int": integral}
    assert found == pytest.approx(wanted, rel=1e-5)


def test_a_grid_measures_the_networks_of_its_points():
    corners = [net() for _ in range(3)]
    plane = Plane(*(weights_of(corner) for corner in corners))
    seen = []

    def look(network):
        seen.append(plane.coordinates(weights_of(network)))
        return {name: float(len(seen)) for name in SCORES}

    axes = [axis(plane.width, 4, 0.5), axis(plane.height, 3, 0.5)]
    data = over(plane, axes, net(), look, lambda text: None)
    np.testing.assert_allclose(np.array(seen)[:, :2], data["grid"].reshape(-1, 2), atol=1e-5)
    assert data["train_loss"][1, 0] == 4.0  # x is the first axis
    np.testing.assert_allclose(projected(plane, corners)[:2, 2], 0, atol=1e-6)


def test_pictures_of_scores_with_a_hole_and_of_constant_ones(tmp_path):
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0), indexing="ij"), axis=-1)
    values = np.arange(12.0).reshape(4, 3)
    values[2, 2] = np.nan
    data = {"grid": grid, "train_loss": values, "test_error": np.ones((4, 3))}
    data["corners"] = np.array([[0, 0], [2, 0], [1, 1.0]])
    data["curve"], data["controls"] = np.zeros((5, 3)), np.zeros((3, 3))
    draw_plane(data, tmp_path / "plane.png", "title", ("a", "b", "c"))
    del data["curve"]
    draw_plane(data, tmp_path / "alone.png", "title", ("a", "b", "c"))
    points = {name: np.arange(3.0) for name in ("ts", *SCORES)}
    draw_path(points, tmp_path / "path.png", "title")
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 3 and min(sizes) > 5000
