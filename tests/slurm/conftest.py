"""A private cluster for every test here."""

import os
import shutil

import pytest
from on_slurm import CLUSTER, HERE, POINT, Sweep, run


@pytest.fixture(scope="session")
def cluster():
    """Started where it does not run; ended by whoever started it."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.fail("the tests of SLURM need root on Debian; leave `-m slurm` out")
    mine = not (CLUSTER / "slurmctld.pid").exists()
    run(str(HERE / "cluster.sh"), "start")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(CLUSTER / "slurm.conf"))
        yield
        if mine:
            run(str(HERE / "cluster.sh"), "stop")


@pytest.fixture
def sweep(cluster, tmp_path):
    return lambda *words, name="sweep": Sweep(tmp_path / name, *POINT, *words)
