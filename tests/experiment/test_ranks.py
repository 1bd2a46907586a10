"""train.py in two processes that torchrun's variables make one run (gloo, on this machine)."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from commands import MINI, ROOT, Command, bitwise, final_weights, run
from ranks import on_ranks, srun, torchrun
from torch.testing import assert_close

from basin.experiment.group import Found, ToldByRank0, leading, together, told_by_rank_0
from basin.training.distributed import Ranks

EXACT = [*MINI, "precision=fp64", "epochs=2"]
OFTEN = "runtime.checkpoint_every=2 steps"


def record_of(results):
    (path,) = results.glob("*/record.json")
    return json.loads(path.read_text())


def metrics(results):
    (path,) = results.glob("*/metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    timed = ("images_per_second", "seconds")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def wait(commands, *codes):
    for command, code in zip(commands, codes, strict=True):
        assert command.wait() == code, command.text()


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    run(*EXACT, f"results={folder}", output=folder / "output")
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    wait(torchrun(2, *EXACT, f"results={folder}", output=folder / "output"), 0, 0)
    return folder


def test_two_ranks_are_the_run_of_one_process(one, two):
    ours, theirs = record_of(two), record_of(one)
    assert ours["run"] == theirs["run"] and ours["settings"] == theirs["settings"]
    assert ours["exact"] and ours["computed"]["ranks"] == 2 and theirs["computed"]["ranks"] == 1
    for name in ("steps", "gradient_evaluations", "forward_only", "passes"):
        assert ours["cost"][name] == theirs["cost"][name]
    assert_close(final_weights(two), final_weights(one), rtol=1e-8, atol=1e-11)
    for a, b in zip(metrics(two), metrics(one), strict=True):
        assert a["train"] == pytest.approx(b["train"], rel=1e-5)
        assert a["solutions"]["last"]["test"] == pytest.approx(b["solutions"]["last"]["test"], 1e-4)


def test_rank_0_alone_writes(two):
    assert "last: test accuracy" in (two / "output.0").read_text()
    assert not (two / "output.1").read_text()
    (folder,) = (path for path in two.iterdir() if path.is_dir())
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names >= {"config.yaml", "record.json", "last.safetensors", "logits.safetensors"}
    assert not names & {"last.pt", "lock.json"}


def test_a_finished_run_is_shown_by_rank_0(two, tmp_path):
    commands = torchrun(2, *EXACT, f"results={two}", output=tmp_path / "again")
    wait(commands, 0, 0)
    assert "This run is finished" in commands[0].text() and not commands[1].text()


def test_what_does_not_divide_is_refused_once(tmp_path):
    commands = torchrun(2, *EXACT, "batch_size=33", f"results={tmp_path}", output=tmp_path / "a")
    wait(commands, 1, 1)
    assert "batch_size=33" in commands[0].text() and "take 32" in commands[0].text()
    assert not commands[1].text()
    rest = ["batch_size=32", "dataset.limit_train=97", f"results={tmp_path}"]
    commands = torchrun(2, *EXACT, *rest, output=tmp_path / "b")
    wait(commands, 1, 1)
    assert "has 1 of batch_size=32" in commands[0].text()
    commands = torchrun(2, "-m", *EXACT, "seed=0,1", output=tmp_path / "c")
    wait(commands, 1, 1)
    assert "would start the sweep once in each" in commands[0].text()


def killed_in_the_middle(tmp_path):
    """A folder whose checkpoint is of two ranks, one of which was killed in its ninth update."""
    commands = torchrun(
        *(2, *EXACT, OFTEN, f"results={tmp_path}"),
        output=tmp_path / "first",
        kill_at=("torch.optim", "SGD.step", 9),
    )
    assert commands[0].wait() == -signal.SIGKILL, commands[0].text()
    assert commands[1].wait() == 1
    assert "on rank 1" in commands[1].text()


def test_killed_and_resumed_on_two_ranks_is_bitwise_and_on_one_it_says_so(two, tmp_path):
    results = tmp_path / "two"
    results.mkdir()
    killed_in_the_middle(results)
    shutil.copytree(results, tmp_path / "one")
    commands = torchrun(2, *EXACT, f"results={results}", output=tmp_path / "again")
    wait(commands, 0, 0)
    assert "continuing at epoch 1.333" in commands[0].text()
    assert bitwise(final_weights(results), final_weights(two))
    assert metrics(results) == metrics(two)
    assert record_of(results)["exact"]
    text = run(*EXACT, f"results={tmp_path / 'one'}", output=tmp_path / "alone")
    assert "ranks 2 -> 1" in text
    assert record_of(tmp_path / "one")["exact"] is False
    assert_close(final_weights(tmp_path / "one"), final_weights(two), rtol=1e-8, atol=1e-11)


@pytest.mark.slow
def test_resumed_on_more_ranks(two, tmp_path):
    first = ("torch.optim", "SGD.step", 9)
    command = Command(
        *EXACT, OFTEN, f"results={tmp_path}", output=tmp_path / "first", kill_at=first
    )
    assert command.wait() == -signal.SIGKILL
    commands = torchrun(2, *EXACT, f"results={tmp_path}", output=tmp_path / "again")
    wait(commands, 0, 0)
    assert "ranks 1 -> 2" in commands[0].text()
    assert_close(final_weights(tmp_path), final_weights(two), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("rank", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_signal_to_one_rank_stops_all_at_the_same_step(rank, tmp_path):
    longer = [*EXACT, "epochs=1000", "runtime.checkpoint_every=1000", f"results={tmp_path}"]
    commands = torchrun(2, *longer, output=tmp_path / "first")
    while not list(tmp_path.glob("*/metrics.jsonl")):
        assert all(command.process.is_alive() for command in commands), commands[0].text()
        time.sleep(0.05)
    commands[rank].kill(signal.SIGTERM)
    wait(commands, 128 + signal.SIGTERM, 128 + signal.SIGTERM)
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "preempted"
    assert "the same command continues" in commands[0].text()
    assert list(tmp_path.glob("*/last.pt")) and not list(tmp_path.glob("*/lock.json"))


def failing(where):
    """What each rank sees where the ranks in `where` fail."""
    ranks = Ranks()
    try:
        with together(ranks):
            if ranks.rank in where:
                raise ValueError(f"bad on {ranks.rank}")
    except (ValueError, ToldByRank0) as error:
        return type(error).__name__, str(error)
    return None


def test_a_failure_of_any_rank_is_one_of_all_and_rank_0_says_it():
    assert on_ranks(2, failing, []) == [None, None]
    told = ("ToldByRank0", "rank 1: bad on 1")
    assert on_ranks(2, failing, [1]) == [("ValueError", "rank 1: bad on 1"), told]
    assert on_ranks(2, failing, [0, 1])[0] == ("ValueError", "bad on 0")


def led(fails):
    ranks = Ranks()
    try:
        if ranks.rank:
            return told_by_rank_0(ranks)
        with leading(ranks) as announce:
            if fails:
                raise RuntimeError("another process runs this folder")
            announce(Found(finished=True, checkpoint=None))
    except (RuntimeError, ToldByRank0) as error:
        return str(error)
    return None


def test_the_others_learn_what_rank_0_found_or_why_it_failed():
    assert on_ranks(2, led, False)[1] == Found(finished=True, checkpoint=None)
    assert on_ranks(2, led, True)[1] == "RuntimeError: another process runs this folder"


@pytest.mark.slow
def test_the_processes_of_one_srun(two, tmp_path):
    commands = srun(2, *EXACT, f"results={tmp_path}", output=tmp_path / "output")
    wait(commands, 0, 0)
    assert not commands[1].text()
    assert bitwise(final_weights(tmp_path), final_weights(two))


@pytest.mark.slow
def test_a_point_that_one_process_runs_is_refused_to_two(tmp_path):
    other = Command(*EXACT, "epochs=1000", f"results={tmp_path}", output=tmp_path / "other")
    while not list(tmp_path.glob("*/metrics.jsonl")):
        assert other.process.is_alive(), other.text()
        time.sleep(0.05)
    again = [*EXACT, "epochs=1000", f"results={tmp_path}"]
    commands = torchrun(2, *again, output=tmp_path / "again")
    wait(commands, 1, 1)
    assert "is being run by" in commands[0].text() and not commands[1].text()
    assert other.process.is_alive()
    other.kill(signal.SIGTERM)
    other.wait()


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_every_rank_and_is_told_once(tmp_path):
    wild = [*EXACT, "optimizer.lr=1e30", f"results={tmp_path}"]
    commands = torchrun(2, *wild, output=tmp_path / "output")
    wait(commands, 1, 1)
    assert "is not finite since step" in commands[0].text() and not commands[1].text()
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        ["optimizer=sam", "optimizer.m=8"],
        ["optimizer=lookahead", "averaging=swa", "averaging.swa.start=1"],
        ["optimizer=koala_m"],
        ["optimizer=entropy_sgd"],
        ["optimizer=replicated_sgd"],
        ["bn_ranks=local", "micro_batch=5"],
        ["bn_ranks=local", "augment=mixup", "dataset.validation=40", "dataset.limit_train=150"],
    ],
    ids=" ".join,
)
def test_other_methods_end_and_resume_on_two_ranks(method, tmp_path):
    """The last minibatches of some are shared unequally."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    arguments = [*EXACT, OFTEN, "dataset.limit_train=183", *method]
    wait(torchrun(2, *arguments, f"results={straight}", output=tmp_path / "0"), 0, 0)
    commands = torchrun(
        *(2, *arguments, f"results={killed}"),
        output=tmp_path / "1",
        kill_at=("basin.training.closure", "MinibatchClosure.resample", 9),
    )
    assert commands[0].wait() == -signal.SIGKILL, commands[0].text()
    commands[1].wait()
    wait(torchrun(2, *arguments, f"results={killed}", output=tmp_path / "2"), 0, 0)
    assert bitwise(final_weights(straight), final_weights(killed))
    assert metrics(straight) == metrics(killed)


@pytest.mark.slow
def test_torchrun_itself_and_its_signal(two, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(ROOT / "train.py"), *EXACT, f"results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert bitwise(final_weights(tmp_path), final_weights(two))
    longer = [*command, "epochs=1000", "runtime.checkpoint_every=1000"]
    running = subprocess.Popen(longer, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("*/metrics.jsonl"))) < 2:  # until it has had an epoch
        assert running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, text = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "the same command continues" in text, text
