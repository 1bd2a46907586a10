"""Ranks from torchrun's and srun's variables."""

import subprocess

import pytest

from basin.launch import place as module
from basin.launch.place import ALONE, PORTS, Place, place

TORCHRUN = {
    **{"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"},
    **{"MASTER_ADDR": "host", "MASTER_PORT": "1234"},
}
SRUN = {
    **{"SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "4"},
    **{"SLURM_STEP_NODELIST": "n[1-2]", "SLURM_STEP_NUM_NODES": "2", "SLURM_JOB_ID": "7"},
    **{"SLURM_STEP_ID": "0", "MASTER_ADDR": "10.0.0.1"},
}


def test_one_process_alone():
    assert place({}) == ALONE == Place(0, 1, 0)
    assert place({"RANK": "3", "WORLD_SIZE": "4"}) == ALONE  # somebody else's


def test_torchrun_before_srun():
    assert place({**SRUN, **TORCHRUN}) == Place(3, 4, 1, "env://")


def test_a_batch_script_is_one_process_whatever_its_tasks():
    assert place({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "4"}) == ALONE
    assert place({**SRUN, "SLURM_STEP_NUM_TASKS": "1"}) == ALONE


def test_srun_meets_at_a_port_of_its_step():
    here = place(SRUN)
    assert (here.rank, here.size, here.local_rank) == (3, 4, 1)
    address, port = here.method.rsplit(":", 1)
    assert address == "tcp://10.0.0.1" and int(port) in PORTS
    assert place({**SRUN, "SLURM_PROCID": "0"}).method == here.method
    for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"):
        assert place({**SRUN, name: "8"}).method != here.method
    assert place({**SRUN, "MASTER_PORT": "99"}).method == "tcp://10.0.0.1:99"


def test_srun_on_one_machine_needs_no_name():
    one = {k: v for k, v in SRUN.items() if k != "MASTER_ADDR"} | {"SLURM_STEP_NUM_NODES": "1"}
    assert place(one).method.startswith("tcp://127.0.0.1:")


@pytest.mark.parametrize("name", ["localhost", "no-such-host.invalid"])
def test_the_first_node_of_several_has_to_have_an_address(name, monkeypatch):
    def run(command, **options):
        assert command == ["scontrol", "show", "hostnames", "n[1-2]"]
        return subprocess.CompletedProcess(command, 0, f"{name}\nn2\n", "")

    monkeypatch.setattr(module.subprocess, "run", run)
    several = {k: v for k, v in SRUN.items() if k != "MASTER_ADDR"}
    if name == "localhost":
        assert place(several).method.startswith("tcp://localhost:")
    else:
        with pytest.raises(ValueError, match="set MASTER_ADDR"):
            place(several)
