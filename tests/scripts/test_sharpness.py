import numpy as np
import pytest
import sharpness
from finished import DIGITS, arrays, finished
from matplotlib.image import imread
from test_configs import NEEDS

SMALL = ["train=16", "test=20", "device=cpu", "draws=2", "sigmas=[0.05,0.1]", "m=8", "ascent=[1,2]"]
SHORT = [*SMALL, "probes=1", "steps=3", "top=2", "points=2", "directions=1", "resamples=20"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [finished(folder, f"digits-s{seed}", *DIGITS, seed=seed) for seed in range(3)]


def test_every_measure_of_a_run(runs, tmp_path, capsys):
    assert sharpness.main([f"run={runs[0]}", *SHORT, f"out={tmp_path}/s"]) == 0
    printed = capsys.readouterr().out
    found = arrays(tmp_path / "s.npz")
    for name in (
        "additive energy loss at 0.05",
        "multiplicative energy error at 0.1",
        "m-sharpness of 8",
        "SAM sharpness, steps 2",
        "largest eigenvalue",
        "trace",
        "slice, mean rise of the loss",
        "trace of the gradients' covariance",
        "squared norm of the mean gradient",
    ):
        assert np.isfinite(found[name]) and name in printed
    assert "noise scale" in printed and found["trace of the gradients' covariance"] > 0
    assert found["m-sharpness of 8"] > 0 and found["SAM sharpness, steps 1"] > 0
    assert found["plane_loss"].shape == (2, 2) and found["additive_loss"].shape == (2,)
    for picture in ("energy", "slice", "plane", "spectrum"):
        assert imread(tmp_path / f"s_{picture}.png").shape[2] == 4


def test_chosen_measures_alone(runs, tmp_path):
    named = [f"run={runs[0].name}/last", f"results={runs[0].parent}"]
    words = [*named, "measures=[sharpness]", *SHORT, f"out={tmp_path}/s"]
    assert sharpness.main(words) == 0
    assert "trace" not in arrays(tmp_path / "s.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.npz"]


def test_rays_from_two_solutions(runs, tmp_path, capsys):
    words = [f"rays=[{runs[0]},{runs[1]}]", *SHORT, f"out={tmp_path}/r"]
    assert sharpness.main(words) == 0
    found = arrays(tmp_path / "r.npz")
    assert found["ts"].tolist() == [0, 30] and found["test_error_1"].shape == (1, 2)
    assert found["train_loss_0"][0, 0] != found["train_loss_1"][0, 0]
    assert capsys.readouterr().out.count("test error") == 4
    assert imread(tmp_path / "r.png").shape[2] == 4


def test_correlation_over_runs(runs, tmp_path, capsys):
    words = [f"correlate=[{','.join(map(str, runs))}]", "measures=[sharpness]", *SHORT]
    assert sharpness.main([*words, f"out={tmp_path}/c"]) == 0
    found = arrays(tmp_path / "c.npz")
    assert found["test_error"].shape == found["m-sharpness of 8"].shape == (3,)
    assert "Kendall (95 %)" in capsys.readouterr().out
    assert imread(tmp_path / "c.png").shape[2] == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["draws=2"], "give run=RUN, rays=[A,B] or correlate=[RUNS], one of the three"),
        (["run=a", "rays=[a,b]"], "one of the three"),
        (["run=a", "measures=[sharp]"], "measures=['sharp'] are not among energy"),
        (["run=a", "draws=0"], "draws=0 is not above 0"),
        (["run=a", "sigmas=[]"], "sigmas=[] is not above 0"),
        (["run=a", "points=1"], "points=1 is not above 1"),
        (["run=a", "batch_size=0"], "batch_size=0 is not above 0"),
        (["rays=[a]"], "rays=['a']: give 2 solutions"),
        (["correlate=[a,b]"], "correlate=['a', 'b']: give 3 or more solutions"),
    ],
)
def test_what_it_refuses(capsys, words, message):
    assert sharpness.main(words) == 1
    assert message in capsys.readouterr().err


def test_nothing_is_measured_before_what_cannot_be(runs, tmp_path, capsys):
    one, two, _ = map(str, runs)
    words = [f"correlate=[{one},{two},{tmp_path}/no]", *SHORT, f"out={tmp_path}/c"]
    assert sharpness.main(words) == 1
    assert sharpness.main([f"run={one}", *SHORT, "m=17", f"out={tmp_path}/s"]) == 1
    assert sharpness.main([f"rays=[{one},{one}/last]", *SHORT, f"out={tmp_path}/r"]) == 1
    other = finished(runs[0].parent, "three-classes", *DIGITS, classes=3)
    assert sharpness.main([f"correlate=[{one},{two},{other}]", *SHORT, f"out={tmp_path}/c"]) == 1
    alone = ["measures=[energy,noise]", "batch_size=16", "m=16", f"out={tmp_path}/s"]
    assert sharpness.main([f"run={one}", *SHORT, *alone]) == 1
    said = capsys.readouterr()
    assert "m=16: all examples are one chunk" in said.err
    assert "a solution is there twice; give each once" in said.err
    assert "have other data: the classes: 0, 1, 2, not 0, 1, 2, ... (10)" in said.err
    assert "there is no such folder" in said.err and "m=17 is more than the 16" in said.err
    assert not said.out and not [*tmp_path.iterdir()]


def test_data_without_classes_are_refused(tmp_path, capsys):
    fields = [*NEEDS["dataset/quadratic"], "dataset=quadratic", "dataset.dimension=6"]
    run = finished(tmp_path, "quadratic", *fields, "batch_size=2", classes=1, channels=6)
    assert sharpness.main([f"run={run}", *SHORT, f"out={tmp_path}/s"]) == 1
    assert "its data have no classes" in capsys.readouterr().err
