"""Eigencurve: the authors' code on a spectrum of ours, a plain loop, speed, and bad files."""

import math
import random
import time

import numpy as np
import pytest

from basin.core.clock import Clock
from basin.schedule.eigencurve import Eigencurve
from basin.schedule.spectrum import buckets, segments

CLOCK = Clock(1000, 10)  # 100 updates an epoch
FIELDS = {
    "clock": CLOCK,
    "epochs": 20,
    "spectrum": "tests/schedule/spectrum.txt",
    "shift": 0.0,
    "decimals": 10,
    "beta": 2.0,
    "floor": 0.0,
}


def rates(schedule, initial, updates):
    return [initial * schedule(CLOCK.epochs(f"{update} steps")) for update in updates]


@pytest.mark.parametrize(
    ("epochs", "beta", "initial", "floor", "starts", "values"),
    [
        (
            *(20, 2.0, 0.1, 0.0),
            [0, 480, 811, 1075, 1285, 1467, 1593, 1692, 1771, 1840, 1887, 1925, 1955, 1979],
            {
                0: 0.1,
                1: 0.09999345908632612,
                200: 0.09870803818044876,
                1000: 0.08891236952792067,
                1800: 0.028836096565126725,
                1990: 0.0007248255052826709,
                1999: 0.0,
            },
        ),
        (
            *(5, 3.0, 0.1, None),
            [0, 168, 281, 356, 404, 440, 464, 480, 492],
            {
                1: 0.09999369082463726,
                50: 0.09968551346570247,
                250: 0.09745433356101206,
                450: 0.06694959447811534,
                490: 0.026149498797168585,
                499: 0.01428991222839682,
            },
        ),
        (
            *(39.1, 1.25, 0.6, 0.01 / 0.6),
            None,
            {
                1: 0.5999622502799296,
                391: 0.5853966307765889,
                1955: 0.46553290101922085,
                3519: 0.09680533238513475,
                3900: 0.011094978947375387,
                3909: 0.01,
            },
        ),
    ],
)
def test_what_the_authors_code_makes_of_this_spectrum(  # recorded from it
    epochs, beta, initial, floor, starts, values
):
    schedule = Eigencurve(**FIELDS | {"epochs": epochs, "beta": beta, "floor": floor})
    if starts is not None:
        assert schedule.curve.starts.tolist() == starts
    ours = rates(schedule, initial, values)
    assert ours == pytest.approx(list(values.values()), rel=1e-12, abs=1e-16)


def plainly(values, densities, updates, beta):
    """The definition, one eigenvalue and one bucket at a time: (first update, a, b) of each."""
    mu, kappa = values[0], values[-1] / values[0]
    mass = {}
    for value, density in zip(values, densities, strict=True):
        i = 0
        while mu * beta ** (i + 1) <= value:
            i += 1
        mass[i] = mass.get(i, 0.0) + density
    total = sum(math.sqrt(m) for m in mass.values())
    spare = updates - len(mass)
    length = {i: math.floor(spare * math.sqrt(m) / total) + 1 for i, m in mass.items()}
    for i in sorted(length)[: updates - sum(length.values())]:
        length[i] += 1
    pieces, start, b = [], 0, 1.0
    for i in sorted(length):
        a = beta**i / kappa
        pieces.append((start, a, b))
        start, b = start + length[i], b + length[i] * a
    return pieces


@pytest.mark.parametrize("seed", range(8))
def test_buckets_at_once_are_those_of_a_loop(seed):
    draw = random.Random(seed)
    values = sorted(10 ** draw.uniform(-4, 1) for _ in range(60))
    beta = draw.choice([1.3, 2.0, 2.5])
    values += [values[0] * beta**i for i in range(4)]  # on an edge
    values = np.array(sorted(values))
    densities = np.array([draw.random() for _ in values])
    updates = draw.randint(100, 3000)
    ours = segments(values, densities, updates=updates, beta=beta)
    starts, slopes, offsets = zip(*plainly(values, densities, updates, beta), strict=True)
    assert ours.starts.tolist() == list(starts)
    np.testing.assert_allclose(ours.slopes, slopes, rtol=1e-12)
    np.testing.assert_allclose(ours.offsets, offsets, rtol=1e-12)


def test_a_million_buckets_in_under_a_second():
    beta = 1.000005
    values = 1e-4 * beta ** np.arange(1_000_000, dtype=float)
    densities = np.full(1_000_000, 1e-6)
    start = time.process_time()
    made = segments(values, densities, updates=2_000_000, beta=beta)
    assert time.process_time() - start < 1
    assert len(made.starts) > 990_000 and made.starts[-1] < 2_000_000


def test_an_edge_belongs_to_the_bucket_that_it_begins():
    assert buckets(np.array([0.1, 0.2, 0.4, 0.8, 0.1 * 2**20]), 2.0).tolist() == [0, 1, 2, 3, 20]


def test_the_l2_term_shifts_the_spectrum(tmp_path):
    """The authors' files are those that they release, plus 0.0005."""
    table = np.loadtxt(FIELDS["spectrum"])
    table[:, 0] -= 0.0004 * np.sign(table[:, 0])
    released = tmp_path / "released.txt"
    np.savetxt(released, table, fmt="%.10f")
    shifted = Eigencurve(**FIELDS | {"spectrum": str(released), "shift": 0.0004})
    plain = Eigencurve(**FIELDS)
    assert rates(shifted, 1, range(0, 2000, 7)) == rates(plain, 1, range(0, 2000, 7))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not lines of"),
        ("0.1 0.5 3\n", "two finite numbers"),
        ("abc\n", "not lines of 'eigenvalue density'"),
        ("0.1 0.5\n0.2 nan\n", "two finite numbers"),
        ("0.0 0.5\n1.0 0.5\n", "eigenvalues must not be 0"),
        ("0.1 -0.5\n1.0 0.5\n", "densities neither negative"),
        ("0.1 0.0\n1.0 0.0\n", "nor all 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_a_file_that_is_no_spectrum_is_refused(tmp_path, text, said):
    (tmp_path / "spectrum").write_text(text)
    with pytest.raises(ValueError, match=f"spectrum=.*{said}"):
        Eigencurve(**FIELDS | {"spectrum": str(tmp_path / "spectrum")})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spectrum": "nowhere.txt"}, "there is no such file"),
        ({"beta": 1.0}, "beta=1.0 is not"),
        ({"epochs": 0.01}, "epochs=0.01 is less than two"),
        ({"epochs": 0.1}, "10 updates are fewer than the 14 buckets"),
        ({"floor": 1.5}, "floor=1.5"),
        ({"shift": -1.0}, "shift=-1.0"),
    ],
)
def test_what_it_refuses(change, said):
    with pytest.raises(ValueError, match=said):
        Eigencurve(**FIELDS | change)
