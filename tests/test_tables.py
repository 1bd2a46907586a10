"""Every table of configs/table: its form, and whether each cell can be filled; every header."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch

from basin.experiment import build
from basin.experiment.admission import admit, admit_uncomposed
from basin.experiment.check import flops_of
from basin.experiment.recipes import WITHOUT_FLOPS, composed, composing, recipe_of
from basin.report.paper.assembly import Outcome
from basin.report.paper.forms import Cell
from basin.report.paper.header import read_header
from basin.report.paper.reading import read_table
from basin.report.paper.versus import pair_of

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
TABLES = sorted((CONFIGS / "table").glob("*.yaml"))
DOCUMENT = CONFIGS.parent / "docs" / "tables.md"
EXPERIMENTS = sorted((CONFIGS / "experiment").rglob("*.yaml"))


@pytest.fixture(scope="module")
def compose():
    with composing(CONFIGS):
        yield cache(composed)


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_its_form_and_a_cell_of_each_kind(file, compose):
    """Every cell by its words; composed, which takes time, the first of each kind of question."""
    table = read_table(file)
    assert file.stem.startswith(table.paper)
    composed_ones = dict[tuple[str, type], Cell]()
    for cell in table.cells:
        admit_uncomposed(table, cell, CONFIGS)
        if cell.experiment is not None:
            composed_ones.setdefault((cell.solution, type(cell.epoch)), cell)
    for cell in composed_ones.values():
        admit(table, cell, CONFIGS, compose)


@pytest.mark.slow
@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_every_cell_can_be_filled(file, compose):
    table = read_table(file)
    for cell in table.cells:
        admit(table, cell, CONFIGS, compose)


def test_the_forms_of_the_documents(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    file = tmp_path / "example.yaml"
    kinds = []
    for block in blocks:
        file.write_text(block)
        if "type:" in block:
            kinds.append(read_table(file).grid is not None)
        else:
            assert read_header(file).inferred == ()
    assert kinds == [False, True] and len(blocks) == 3


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_experiment_has_a_header(file):
    header = read_header(file)
    name = file.relative_to(CONFIGS / "experiment").with_suffix("")
    assert f"experiment={name}" in header.fields["command"]


def test_a_recipe_says_whether_its_network_is_that_of_its_option(compose):
    own = {
        name: recipe_of(compose((f"experiment=wrn/{name}",))).own_model
        # wide_resnet with depth and width; wrn_28_1; wrn_28_10 with dropout
        for name in ("mini", "mini_deep", "wrn_28_10_dropout")
    }
    assert own == {"mini": True, "mini_deep": False, "wrn_28_10_dropout": False}


def test_a_network_of_its_own_is_counted_and_imagenet_need_not_be_here(compose, tmp_path):
    own = ("experiment=sam/resnet50_imagenet_sgd", "model=torchvision", "model.name=resnet101")
    words = (*own, f"dataset.root={tmp_path}")
    whole = recipe_of(compose(words))
    part = recipe_of(compose((*words, "dataset.validation=1000", "dataset.limit_train=4000")))
    assert whole.own_model and whole.own_flops == pytest.approx(2 * 7.80e9, rel=1e-3)  # torchvision
    assert (whole.images, part.images) == (1_281_167, 4000) and whole.epochs == 100
    with pytest.raises(ValueError, match="dataset.validation=2000000 must be"):
        recipe_of(compose((*words, "dataset.validation=2000000")))
    unfit = recipe_of(compose(("experiment=mini", "model=torchvision", "model.name=alexnet")))
    assert unfit.own_model and unfit.own_flops is None  # it is made for larger images


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("wrn_16_1", "dropout=0.3 final_bn_momentum=0.5 channels_last=false"),
        ("wrn_16_1", "conv_init=default bn_weight_init=ones linear_init=default"),
        ("resnet18", "zero_last_bn=true conv_init=fan_in"),
    ],
)
def test_fields_that_are_said_to_have_no_flops_have_none(compose, model, fields):
    def flops(*words):
        made = compose(("experiment=mini", f"model={model}", *words))
        with torch.device("meta"):
            network = build.model(made.settings, num_classes=10, in_channels=3)
        return flops_of(network, (3, 32, 32))

    names = {field.split("=")[0] for field in fields.split()}
    assert names <= WITHOUT_FLOPS
    assert flops() == flops(*(f"model.{field}" for field in fields.split()))


@pytest.mark.parametrize(
    "pairs",
    [
        "swa_cifar10 swa_cifar100 gadam_cifar100: SGD,SWA",
        "pnm_cifar10 pnm_cifar100 pnm_mini: SGD,PNM",
        "fge_cifar100: SGD,FGE",
        "lookahead_cifar lookahead_imagenet koala_optimizers: SGD,Lookahead",
        "sam_cifar10 sam_cifar100 sam_imagenet sam_label_noise: SGD,SAM",
        "koala_cifar10 koala_cifar100 koala_mini: Adam,KOALA-M",
        "adamw_schedules adamw_mini pnm_cifar10: Adam,AdamW",
        "gadam_cifar10 gadam_imagenet32: SGD,Gadam",
        "clr_imagenet: fixed,triangular2",
    ],
)
def test_methods_of_the_papers_share_rows(pairs):
    names, _, methods = pairs.partition(": ")
    for name in names.split():
        table = read_table(CONFIGS / "table" / f"{name}.yaml")
        left, right = pair_of(methods, [(table, [Outcome(cell, None) for cell in table.cells])])
        rows = [{c.row for c in table.cells if (c.method or c.column) == m} for m in (left, right)]
        assert rows[0] & rows[1]
