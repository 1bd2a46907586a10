"""One job's end is nobody else's, and every end is named."""

import json
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from commands import bitwise
from on_slurm import epochs, job, kill, pid, read, restarts, run, state, until
from safetensors.torch import load_file

from basin.launch.holder import this_process
from basin.launch.lock import RunLock

pytestmark = pytest.mark.slurm
HELD = "+hydra.launcher.additional.hold=true"
LONG = ["epochs=40", "evaluate_every=2", "runtime.checkpoint_every=6 steps"]


def test_every_way_to_fail_is_named_and_hides_no_other(sweep):
    """An error; too little memory; a full disk when the job starts; a lock of who is, or is not."""
    one = sweep("epochs=2", "lr=1e30,0.1", "seed=0,1", name="errors")
    text = one.submit("hydra.launcher.wait=true", "hydra.launcher.poll_seconds=1", code=1)
    assert "failed: NonFinite" in text and "2 done, 2 failed" in one.script("status")
    assert "Traceback" in one.script("status", "--log", "1")
    summary = one.script("summarise", code=1)
    assert "lr=0.1" in summary and "NonFinite" in summary
    huge = ["dataset=fake", "dataset.train=4000000"]
    small = sweep("epochs=2", *huge, name="memory")
    small.submit("hydra.sweeper.load=false", "hydra.launcher.setup=[ulimit -v 9000000]")
    until(lambda: "1 failed" in small.script("status"))
    assert "alloc" in small.script("status").lower()
    full = sweep("epochs=2", name="disk")
    full.submit("hydra.launcher.setup=[ulimit -f 0]")
    until(lambda: "1 failed" in full.script("status"))
    assert "FAILED" in full.script("status")
    full.script("resubmit")  # with the same setup: it fails again, and says so again
    until(lambda: "1 failed" in full.script("status"))


def test_locks_of_the_living_and_of_the_dead_and_a_folder_that_is_none(sweep):
    one = sweep("epochs=2", "seed=0,1,2")
    one.submit(HELD)
    living, dead, lost = one.runs
    gone = replace(this_process(), pid=2**22 - 3, start=1.0)
    (dead / "lock.json").write_bytes(gone.to_bytes())
    jobs = [job(folder) for folder in one.runs]
    lost.rename(lost.with_suffix(".away"))
    lost.write_text("no folder, which not even root can write into")
    with RunLock(living, print):
        for number in jobs:
            run("scontrol", "release", number)
        until(lambda: state(job(living)) == "COMPLETED" and (dead / "record.json").exists())
        assert "running elsewhere" in one.log(0) and "which is gone" in one.log(1)
        assert read(living, "status")["state"] == "queued"
        until(lambda: state(jobs[2]) == "FAILED")
        text = one.script("status")
        assert "1 done, 1 running elsewhere, 1 failed" in text and "Not a directory" in text
    lost.unlink()
    lost.with_suffix(".away").rename(lost)
    one.submit()
    one.finished()


def test_a_killed_task_and_a_lost_node_lose_one_checkpoint_interval_at_most(sweep, tmp_path):
    one = sweep(*LONG, "seed=0,1")
    one.submit()
    killed, lost = one.runs
    until(lambda: epochs(killed) and epochs(lost))
    kill(killed)
    until(lambda: "1 failed" in one.script("status"))
    process, node = pid(lost), run("squeue", "-h", "-o", "%N", "-j", job(lost)).strip()
    run("scontrol", "update", f"nodename={node}", "state=down", "reason=lost")
    with suppress(ProcessLookupError):  # SLURM asks a node that answers to end it
        os.kill(process, signal.SIGKILL)
    until(lambda: restarts(job(lost)) == 1)
    back = ("scontrol", "update", f"nodename={node}", "state=resume")
    run(*back, check=False)  # refused where the node has registered again by itself
    one.script("resubmit")
    one.finished()
    quiet = one.sequential(tmp_path / "quiet")
    for folder in one.runs:
        both = [load_file(f / "last.safetensors") for f in (folder, quiet[folder.name])]
        assert bitwise(*both)
        assert "continuing at epoch" in one.log(one.runs.index(folder))


def stopped_until_its_signal(folder, least):
    """Hold a process still after `least` evaluations, so that SIGUSR2 comes before its end."""
    number = until(lambda: epochs(folder) >= least and pid(folder))
    os.kill(number, signal.SIGSTOP)
    bit = 1 << (signal.SIGUSR2 - 1)

    def gone():
        try:
            text = Path(f"/proc/{number}/status").read_text()
            lines = [line.split() for line in text.splitlines()]
            pending = [int(line[1], 16) for line in lines if line[0] in ("SigPnd:", "ShdPnd:")]
            if any(mask & bit for mask in pending):  # SLURM sends SIGCONT too, but not always soon
                os.kill(number, signal.SIGCONT)
        except (FileNotFoundError, ProcessLookupError):
            return True
        return False

    until(gone)


def test_three_time_limits_in_one_run(sweep, tmp_path):
    one = sweep(*LONG)
    one.submit("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=5")
    (folder,) = one.runs
    for times in range(1, 4):
        stopped_until_its_signal(folder, 4 * times)
    one.finished()
    assert restarts(job(folder)) == 3 and "time limit" not in one.text()
    assert one.log(0).count("continuing at epoch") == 3
    quiet = one.sequential(tmp_path / "quiet")[folder.name]
    assert bitwise(*(load_file(f / "last.safetensors") for f in (folder, quiet)))


def test_a_bound_on_time_limits_and_a_cancelled_run(sweep):
    """Both have a checkpoint, and go on as the same run of wandb."""
    one = sweep(*LONG, "seed=0,1", "logger=wandb")
    one.submit("hydra.launcher.timeout_min=9", "hydra.launcher.max_num_timeout=0")
    bounded, cancelled = one.runs
    until(lambda: epochs(bounded) and epochs(cancelled))
    run("scancel", "--signal=USR2", job(bounded))
    assert "cancelled 1 jobs" in one.script("cancel", "2")
    until(lambda: read(bounded, "status")["state"] == "failed")
    assert "timed-out too many times" in json.dumps(read(bounded, "status"))
    until(lambda: "stopped, and not queued (CANCELLED)" in one.script("status"))
    one.script("resubmit", "--new-code")  # with a bound of 0 again, which is enough now
    one.finished()
    for number, folder in enumerate(one.runs):
        assert "continuing at epoch" in one.log(number)
        offline = [*folder.glob("wandb/offline-run-*")]
        assert len(offline) == 2 and all(part.name.endswith(folder.name) for part in offline)
