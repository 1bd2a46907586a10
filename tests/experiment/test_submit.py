"""Frozen points and the jobs that train them, without a cluster."""

import errno
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

import basin
import train
from basin.experiment.environment import code, code_root
from basin.experiment.frozen import FrozenJob, freeze, thaw
from basin.experiment.point import point_of
from basin.experiment.schema import register
from basin.experiment.slurm import _executor, start
from basin.experiment.submit import Launching, submit
from basin.launch import slurm
from basin.launch.lock import RunLock
from basin.launch.snapshot import take
from basin.launch.status import Status, read_status
from basin.launch.submission import read_submission

MINI = ["experiment=quickstart", "epochs=1", "dataset.limit_train=64", "batch_size=32"]
MINI += ["device=cpu", "logger=none", "runtime.threads=1", "runtime.snapshot=false"]


@pytest.fixture
def point(tmp_path):
    """Composes points whose runs are below tmp_path."""
    register()

    def make(*words):
        words = [*MINI, f"results={tmp_path}/runs", *words]
        with initialize_config_dir(str(train.CONFIGS), version_base="1.3"):
            cfg = compose("config", words, return_hydra_config=True)
        groups = dict(cfg.hydra.runtime.choices)
        with open_dict(cfg):
            del cfg["hydra"]
        return point_of(cfg, words, groups)

    return make


class Jobs:
    """A launcher that only counts."""

    def __init__(self, sweep):
        self.given = []
        self.launching = Launching("test", sweep, self.start)

    def start(self, jobs):
        for job in jobs:
            self.given.append(job)
            yield str(len(self.given)), "log"


ODD = ["name='a, \"b\" é 漢'", "optimizer.weight_decay=1e-05", "+stages.train.lr=0.01"]


def test_a_frozen_point_comes_back_as_it_was(point, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = point(*ODD)
    folder = freeze(before)
    monkeypatch.chdir("/")
    after = thaw(folder)
    assert Path.cwd() == tmp_path and after == before and after.name == folder.name
    assert before.settings["name"] == 'a, "b" é 漢'
    content = yaml.safe_load((folder / "frozen.yaml").read_text())
    assert content["stages"]["train"]["optimizer"]["lr"] == 0.01


def test_points_are_submitted_once_however_often_they_are_given(point, tmp_path):
    points, jobs = [point(f"seed={i}") for i in range(3)], Jobs(tmp_path / "sweep")
    states = submit(points, jobs.launching)
    assert [now.folder for now in states] == [p.folder.path for p in points]
    assert [Path(job.folder) for job in jobs.given] == [p.folder.path for p in points]
    assert read_submission(points[2].folder.path).job == "3"
    (points[0].folder.path / "record.json").write_text("{}")
    Status(points[0].folder.path).write("done")
    with RunLock(points[1].folder.path, print):
        Status(points[1].folder.path).write("running")
        submit(points, jobs.launching)
    assert [Path(job.folder) for job in jobs.given[3:]] == [points[2].folder.path]
    submit([replace(points[0], settings={**points[0].settings, "rerun": True})], jobs.launching)
    assert len(jobs.given) == 5 and read_status(points[0].folder.path)["state"] == "queued"


def test_two_submissions_at_a_time_start_a_shared_point_once(point, tmp_path, monkeypatch):
    answer = CompletedProcess("squeue", 0, "1|1|PENDING|None", "")
    monkeypatch.setattr(slurm, "_ask", lambda *command: answer)
    shared = point()

    def slowly(jobs):
        other.start()
        other.join(0.5)
        assert other.is_alive()  # waits for this one
        yield from (("1", "log") for _ in jobs)

    launching = Launching("slurm", tmp_path / "second", never)
    other = threading.Thread(target=submit, args=([shared], launching))
    submit([shared], Launching("slurm", tmp_path / "first", slowly))
    other.join()
    assert read_submission(shared.folder.path).sweep == str(tmp_path / "first")


def never(jobs):
    assert not list(jobs), "the point was started twice"
    yield from ()


def test_a_job_trains_its_frozen_point_whatever_the_yaml_says_now(point, tmp_path):
    folder = freeze(point())
    assert FrozenJob(str(folder), None)() == "done"
    assert json.loads((folder / "record.json").read_text())["cost"]["epochs"] == 1
    assert FrozenJob(str(folder), None)() == "done"  # reported, not trained again


def test_a_folder_that_cannot_be_written_when_the_job_starts(point, monkeypatch):
    """The job says so: nothing can be written there (root may, whatever the folder's mode)."""
    folder = freeze(point())

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("basin.experiment.folder.tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("basin.launch.status.write_json", refuse)
    with pytest.raises(ValueError, match="cannot be written .Permission denied.*give results="):
        FrozenJob(str(folder), None)()
    assert [file.name for file in folder.iterdir()] == ["frozen.yaml"]


def test_a_job_whose_code_is_elsewhere_stops(point, tmp_path):
    folder = freeze(point())
    snapshot = take(code_root(), tmp_path / "code", {"commit": "c", "diff": "d"})
    assert (snapshot / "src/basin/optimizer/sam.py").is_file() and (snapshot / "configs").is_dir()
    with pytest.raises(RuntimeError, match="not from the code"):
        FrozenJob(str(folder), str(snapshot))()
    status = read_status(folder)
    assert status["state"] == "failed" and str(snapshot) in status["error"]


def test_a_snapshot_says_where_its_code_is_from(tmp_path, monkeypatch):
    snapshot = take(code_root(), tmp_path, {"commit": "c", "diff": "d"})
    monkeypatch.setattr(basin, "__file__", str(snapshot / "src/basin/__init__.py"))
    assert code() == ("c", "d")


def test_errors_before_a_run_has_begun_are_in_its_status(point, monkeypatch):
    folder = freeze(point())
    monkeypatch.setattr("basin.experiment.identity.NUMERICS", -1)
    with pytest.raises(ValueError, match="another version"):
        FrozenJob(str(folder), None)()
    assert "another version" in read_status(folder)["error"]


def test_a_point_that_runs_elsewhere_is_left_alone(point, capfd):
    folder = freeze(point())
    with RunLock(folder, print):
        Status(folder).write("running")
        assert FrozenJob(str(folder), None)() == "running elsewhere"
    assert read_status(folder)["state"] == "running"
    assert "running elsewhere" in capfd.readouterr().err


def test_launchers_refuse_what_they_cannot_do(monkeypatch, capfd, tmp_path):
    arguments = [*MINI, f"results={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}", "seed=0,1"]

    def refused(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", "-m", *arguments, *words])
        assert train.main() == 1
        HydraConfig.instance().cfg = None
        return capfd.readouterr().err

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no sbatch here" in refused("hydra/launcher=slurm")
    options = {"max_num_timeout": 1, "setup": [], "additional": {}, "partitoin": "main"}
    with pytest.raises(ValueError, match=r"launcher\.partitoin"):
        _executor(tmp_path, options, None)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"\.\[slurm\]"):
        next(start([FrozenJob("x", None)], tmp_path, options))


def test_a_sweeper_that_reads_results_has_to_wait(tmp_path):
    from omegaconf import OmegaConf

    from hydra_plugins.basin_slurm import SlurmLauncher

    launcher = SlurmLauncher(wait=False, poll_seconds=1.0, nodes=1, tasks_per_node=1)
    config = OmegaConf.create({"hydra": {"sweeper": {"_target_": "optuna.Sweeper"}}})
    launcher.setup(hydra_context=None, task_function=None, config=config)
    with pytest.raises(ValueError, match=r"launcher\.wait=true"):
        launcher.launch([["seed=0"]], 0)
