"""scripts/evaluate.py on two finished runs with an average and an ensemble."""

import json

import evaluate
import pytest
import torch
from commands import MINI, run
from safetensors.torch import load_file, save_file

ARGUMENTS = [
    *(a for a in MINI if a != "epochs=3"),
    *("epochs=2", "averaging=[swa,snapshots]", "averaging.swa.start=1"),
    *("averaging.snapshots.at=[1,2]", "precision=fp64", "dataset.validation=50"),
]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    results = tmp_path_factory.mktemp("two")
    for seed in (0, 1):
        run(*ARGUMENTS, f"seed={seed}", f"results={results}", output=results / f"o{seed}")
    return sorted(p for p in results.iterdir() if p.is_dir())


@pytest.fixture(autouse=True)
def one_thread():
    assert torch.get_num_threads() == 1


def report_of(tmp_path, *words):
    file = tmp_path / "report.json"
    assert evaluate.main([*words, f"output={file}"]) == 0
    return json.loads(file.read_text())


def scores(report, solution, part="test"):
    (found,) = (
        r["scores"] for r in report["solutions"] if (r["solution"], r["part"]) == (solution, part)
    )
    return found


def test_a_run_alone_has_the_scores_of_its_record_bitwise(two, tmp_path):
    report = report_of(tmp_path, f"run={two[0]}", "device=cpu")
    record = json.loads((two[0] / "record.json").read_text())
    assert {r["solution"] for r in report["solutions"]} == {"last", "swa", "snapshots"}
    for name, result in record["results"].items():
        for part in ("validation", "test"):
            assert scores(report, name, part) == result["final"][part]
    assert {r["solution"]: r["passes"] for r in report["solutions"]}["snapshots"] == 2
    assert report["cost"]["gradient_evaluations"] == record["cost"]["gradient_evaluations"]


@pytest.mark.parametrize("source", ["weights", "logits"])
def test_an_ensemble_of_one_is_its_member_bitwise(source, two, tmp_path):
    for solution in ("last", "swa", "snapshots"):
        words = [f"ensemble=[{two[0]}]", f"solution={solution}", f"source={source}", "device=cpu"]
        report = report_of(tmp_path, *words)
        assert report["ensemble"]["scores"]["test"] == scores(report, solution)


def test_an_ensemble_is_the_mean_of_every_networks_softmax(two, tmp_path, capsys):
    networks = [f"{run}" for run in two]
    words = [f"ensemble=[{','.join(networks)}]", "solution=[last,snapshots]", "device=cpu"]
    report = report_of(tmp_path, *words, "source=weights")
    assert report["ensemble"]["passes"] == 6 and report["ensemble"]["runs"] == 2
    same = [[f"{run.name}/last", f"{run.name}/snapshots_1"] for run in two]
    assert report["ensemble"]["repeated"] == same  # the run ends with a cycle
    assert capsys.readouterr().out.count("the same weights, counted 2 times") == 2
    from_logits = report_of(tmp_path, *words)["ensemble"]  # auto: they suffice
    logits = [load_file(path / "logits.safetensors") for path in two]
    mean = sum(
        one["last"].double().softmax(1) + 2 * one["snapshots"].double().softmax(1) for one in logits
    )
    from basin.dataset.digits import Digits

    fields = {"seed": 0, "mean": [0.3], "std": [0.4], "validation": 0, "limit_train": None}
    labels = Digits(**fields).load().test.labels
    nll = -(mean / 6).log().gather(1, labels[:, None]).mean().item()
    assert from_logits["scores"]["test"]["nll"] == pytest.approx(nll, rel=1e-5)
    assert list(from_logits["scores"]) == ["test"]
    exact = report["ensemble"]["scores"]["test"]["nll"]
    assert exact == pytest.approx(nll, rel=1e-3) and exact != nll
    members = [scores_of["nll"] for scores_of in (r["scores"] for r in report["solutions"])]
    assert exact < max(members)
    assert list(report["ensemble"]["scores"]) == ["test"]  # each seed has its validation part


def test_members_can_be_picked(two, tmp_path):
    words = [f"ensemble=[{two[0]},{two[1]}]", "solution=snapshots", "members=[1]", "device=cpu"]
    report = report_of(tmp_path, *words)
    assert [r["solution"] for r in report["solutions"] if r["part"] == "test"] == [
        "snapshots_1",
        "snapshots_1",
    ]
    last = report_of(tmp_path, f"ensemble=[{two[0]},{two[1]}]", "source=weights", "device=cpu")
    assert report["ensemble"]["scores"]["test"] == last["ensemble"]["scores"]["test"]


def test_each_run_can_name_its_own_solution(two, tmp_path):
    mixed = f"ensemble=[{two[0].name}/swa,{two[0].name}/last,{two[1]}/snapshots]"
    report = report_of(tmp_path, mixed, f"results={two[0].parent}", "members=null", "device=cpu")
    taken = [(r["run"], r["solution"]) for r in report["solutions"] if r["part"] == "test"]
    assert taken == [
        *((two[0].name, name) for name in ("swa", "last")),
        (two[1].name, "snapshots"),
    ]
    assert report["ensemble"]["runs"] == 2 and report["ensemble"]["passes"] == 4
    cost = [json.loads((run / "record.json").read_text())["cost"] for run in two]
    assert report["cost"]["gradient_evaluations"] == sum(c["gradient_evaluations"] for c in cost)


def copied(source, target, change):
    """A run folder with another record."""
    target.mkdir()
    for name in ("config.yaml", "record.json"):
        (target / name).write_text((source / name).read_text())
    record = json.loads((target / "record.json").read_text())
    change(record)
    (target / "record.json").write_text(json.dumps(record))
    save_file({"last": torch.zeros(360, 10)}, target / "logits.safetensors")
    return target


def test_what_is_refused(two, tmp_path, capsys):
    def fewer(record):
        record["dataset"]["classes"] = ["0", "1"]

    other = copied(two[0], tmp_path / "other", fewer)
    svhn = copied(two[0], tmp_path / "svhn", lambda record: None)
    text = (svhn / "config.yaml").read_text()
    (svhn / "config.yaml").write_text(text.replace("digits.Digits", "svhn.SVHN"))
    for words, message in (
        ([], "python scripts/evaluate.py run=RUN"),
        (["solution=last"], "give run="),
        ([f"run={two[0]}", f"ensemble=[{two[1]}]"], "one of the two"),
        (["ensemble=[]"], "no runs"),
        (["runs=3"], "runs"),
        ([f"run={two[0]}/swa", "solution=last"], "which names one: give either"),
        ([f"run={two[0]}/ema"], "no solution 'ema': it has last, swa, snapshots"),
        ([f"run={tmp_path}"], "is no run (it has no config.yaml)"),
        (["run=nowhere"], "there is no run folder nowhere"),
        ([f"run={two[0]}", "solution=ema"], "no solution 'ema': it has last, swa, snapshots"),
        ([f"ensemble=[{two[0]},{other}]"], "the classes: 0, 1, not 0, 1, 2, ... (10)"),
        ([f"ensemble=[{two[0]},{svhn}]"], "the data set: basin.dataset.svhn.SVHN"),
        ([f"run={two[0]}", "solution=snapshots", "members=[2]"], "members 0 to 1"),
        ([f"run={two[0]}", "solution=swa", "members=[0]"], "choose an ensemble"),
        ([f"run={two[0]}", "source=memory"], "source=memory is not one of"),
        ([f"ensemble=[{two[0]}]", "solution=snapshots_0", "source=logits"], "no logits of"),
        ([f"ensemble=[{two[0]},{two[1]},{two[0]}/]"], "is in the ensemble twice"),
        ([f"ensemble=[{two[0]}]", "solution=[snapshots,snapshots_0]"], "snapshots_0 of"),
        ([f"ensemble=[{two[0]}]", "solution=snapshots", "members=[1,1]"], "every network counts"),
    ):
        code = evaluate.main(words)
        captured = capsys.readouterr()
        assert message in captured.out + captured.err, words
        assert code == (0 if not words else 1)
