import hessian
import numpy as np
import pytest
import torch
from finished import DIGITS, arrays, finished
from matplotlib.image import imread
from test_configs import NEEDS

from basin.dataset.spectrum import read_spectrum


def test_the_spectrum_of_a_quadratic_is_the_one_that_it_was_made_with(tmp_path, capsys):
    fields = [*NEEDS["dataset/quadratic"], "dataset=quadratic", "dataset.dimension=30"]
    fields += ["dataset.rotation=3", "dataset.shift=0.5", "precision=fp64", "batch_size=8"]
    run = finished(tmp_path, "quadratic", *fields, classes=1, channels=30)
    out = tmp_path / "h"
    words = [f"run={run.name}", f"results={tmp_path}", "probes=2", "steps=30", "top=3"]
    words += [f"out={out}", "device=cpu"]
    assert hessian.main([*words, "batch_size=4", "weight_decay=0.25"]) == 0
    eigenvalues = 1 / np.arange(1, 31) + 0.75
    found = arrays(f"{out}.npz")
    np.testing.assert_allclose(found["top"], eigenvalues[:3], rtol=1e-6)
    assert found["trace"] == pytest.approx(eigenvalues.sum(), abs=5 * found["trace_error"])
    assert found["weights"].sum() == pytest.approx(1)
    assert found["examples"] == found["parameters"] == 30
    np.testing.assert_allclose(
        np.loadtxt(f"{out}.txt"), np.stack([found["eigenvalues"], found["weights"]], 1), rtol=1e-15
    )
    drawn = read_spectrum(tmp_path / "h.txt", 30)  # as dataset=quadratic reads it
    assert drawn.max().item() == pytest.approx(1.75, rel=0.05)
    assert "largest eigenvalues" in capsys.readouterr().out
    assert imread(f"{out}.png").shape[2] == 4


def test_a_network_of_the_digits(tmp_path, capsys):
    run = finished(tmp_path, "digits", *DIGITS)
    words = [f"run={run}", "probes=1", "steps=3", "top=1", "train=8", "device=cpu"]
    assert hessian.main([*words, f"out={tmp_path}/a", "batch_size=8"]) == 0
    assert hessian.main([*words, f"out={tmp_path}/b", "batch_size=5"]) == 0
    one, other = (arrays(tmp_path / f"{name}.npz") for name in "ab")
    np.testing.assert_allclose(one["top"], other["top"], rtol=1e-3)
    printed = capsys.readouterr().out
    assert printed.count("3 products with the Hessian") == 2
    assert printed.count("(one probe)\n") == 2 and "nan" not in printed


def test_the_seed_draws_the_vectors():
    first, again, other = (hessian.signs(seed, 1000, torch.device("cpu"), 0) for seed in (0, 0, 1))
    assert torch.equal(first, again) and set(first.tolist()) == {-1.0, 1.0}
    assert abs(first.mean()) < 0.15 and abs((first * other).mean()) < 0.15
    assert not torch.equal(first, hessian.signs(0, 1000, torch.device("cpu"), 1))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("probes=0", "probes=0 is less than 1"),
        ("batch_size=0", "batch_size=0 is less than 1"),
        ("run=nothing", "there is no such folder"),
    ],
)
def test_what_it_refuses(tmp_path, capsys, word, message):
    assert hessian.main([f"run={tmp_path}", f"out={tmp_path}/x", word]) == 1
    assert message in capsys.readouterr().err
