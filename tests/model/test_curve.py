"""Curves: their coefficients, ends and gradients, and what is refused."""

import math
from functools import partial

import pytest
import torch
from commands import bitwise
from finished import DIGITS, finished
from first_stage import first_stage
from safetensors.torch import load_file
from test_configs import settings_of
from torch import nn
from torch.nn import functional as F

from basin.core.sampled import sampled
from basin.experiment import build
from basin.experiment.check import check
from basin.experiment.identity import identities
from basin.model.curve import Curve
from basin.model.polynomials import bezier, polychain


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Tiny(nn.Module):
    """A convolution, BN, a layer under two names, a weight of two layers, and a frozen head."""

    def __init__(self, num_classes, in_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.mix = nn.Linear(4, 4)
        self.again = self.mix
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.mix.weight
        self.register_buffer("head", torch.randn(num_classes, 4))

    def forward(self, images):
        features = F.relu(self.bn(self.conv(images))).mean((2, 3))
        return F.linear(self.tied(self.again(F.relu(self.mix(features)))), self.head)


def curve(base=Tiny, **changes):
    fields = {"shape": "bezier", "bends": 1, "start": None, "end": None, "runs": ""}
    fields |= {"weight_decay": 0.01, "report": [0.5], **changes}
    return Curve(base, 3, 2, None, **fields)


def images(num=8):
    return torch.randn(num, 2, 6, 6)


@pytest.mark.parametrize(
    ("shape", "num", "t", "expected"),
    [
        (bezier, 3, 0.25, (0.5625, 0.375, 0.0625)),
        (polychain, 3, 0.25, (0.5, 0.5, 0)),
        (bezier, 3, 0.8, (0.04, 0.32, 0.64)),
        (polychain, 3, 0.8, (0, 0.4, 0.6)),
        (bezier, 4, 0.8, (0.008, 0.096, 0.384, 0.512)),
        (polychain, 4, 0.8, (0, 0, 0.6, 0.4)),
        (bezier, 3, 0.0, (1, 0, 0)),
        (polychain, 5, 1.0, (0, 0, 0, 0, 1)),
    ],
)
def test_coefficients(shape, num, t, expected):
    torch.testing.assert_close(shape(torch.tensor(t), num), torch.tensor(expected).double())


@pytest.mark.parametrize("shape", ["bezier", "polychain"])
@pytest.mark.parametrize("bends", [0, 1, 4])
def test_the_ends_are_the_networks_bitwise(shape, bends):
    ends = []

    def base(**kwargs):
        ends.append(Tiny(**kwargs))
        return ends[-1]

    torch.manual_seed(5)
    made = curve(base, shape=shape, bends=bends)
    torch.manual_seed(5)
    originals = [Tiny(3, 2), Tiny(3, 2)]
    for t, original in zip((0.0, 1.0), originals, strict=True):
        assert bitwise(made.at(t).state_dict(), original.state_dict())
        batch = images()
        assert torch.equal(made.at(t).eval()(batch), original.eval()(batch))
    assert {n for n, _ in made.network.named_parameters()} == set()


def test_bends_begin_on_the_line_between_the_ends():
    made = curve(bends=3, shape="polychain")
    weights = [torch.cat([p.flatten() for p in made.point(j).parameters()]) for j in range(5)]
    for j in range(1, 4):
        torch.testing.assert_close(weights[j], torch.lerp(weights[0], weights[4], j / 4))


def test_gradients_are_those_of_the_interpolated_network():
    made = curve(bends=2)
    for point in made.points:
        for parameter in point.parameters():
            nn.init.normal_(parameter)
    batch, labels, t = images(), torch.randint(3, (8,)), 0.3
    with sampled([made], t):
        (F.cross_entropy(made.train()(batch), labels) + made.penalty()).backward()
    alone = made.at(t).train()
    square = sum(p.square().sum() for p in alone.parameters())  # a shared weight counts once
    (F.cross_entropy(alone(batch), labels) + 0.5 * 0.01 * square).backward()
    wanted = dict(alone.named_parameters())
    for j in range(4):
        coefficient = math.comb(3, j) * t**j * (1 - t) ** (3 - j)
        for name, parameter in made.points[j].named_parameters():
            torch.testing.assert_close(parameter.grad, coefficient * wanted[name].grad)
    assert torch.equal(made.t, torch.tensor(0.5))


def test_a_point_to_report_has_statistics_of_its_own():
    made, batches = curve(report=[0.25, 1]), [images(8), images(4)]
    found = dict(made.predictors(lambda augmented, limit: iter(batches)))
    assert list(found) == ["t0.25", "t1"]
    maps = found["t0.25"].conv(torch.cat(batches))
    seen = found["t0.25"].bn.running_mean
    torch.testing.assert_close(seen, maps.mean((0, 2, 3)))
    assert not made.network.bn.running_mean.any()


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """The folder and the names of two finished runs."""
    folder = tmp_path_factory.mktemp("ends")
    return folder, *(finished(folder, f"s{seed}", *DIGITS, seed=seed).name for seed in (0, 1))


def of_runs(two_runs, **changes):
    folder, start, end = two_runs
    fields = {"start": start, "end": end, "runs": str(folder), **changes}
    kinds = {"shape": "bezier", "bends": 1, "weight_decay": 5e-4, "report": []}
    base = partial(build.model, settings_of(*DIGITS)[0])
    return Curve(base, 10, 1, None, **kinds, **fields)


def test_null_ends_train_and_runs_are_frozen(two_runs):
    assert len(list(curve().points[0].parameters())) == 6
    made = of_runs(two_runs)
    assert [len(list(point.parameters())) > 0 for point in made.points] == [False, True, False]
    for t, name in zip((0.0, 1.0), two_runs[1:], strict=True):
        end = load_file(two_runs[0] / name / "last.safetensors")
        found = made.at(t).state_dict()
        assert found.keys() == end.keys() and all(torch.equal(found[k], end[k]) for k in end)


def arguments(two_runs, *more):
    folder, start, end = two_runs
    ends = [f"model.start={start}", f"model.end={end}", f"model.runs={folder}"]
    return [*DIGITS, "model=curve", "model@model.base=wrn_16_1", "weight_decay=0", *ends, *more]


def test_identity_does_not_depend_on_where_the_runs_lie(two_runs):
    ends = ["model=curve", "model.start=a", "model.end=b", "dataset=digits"]
    found = [identities(settings_of(*ends, f"model.runs={place}")[1]) for place in ("x", "y")]
    assert found[0] == found[1]
    other = identities(settings_of(*ends[:2], "model.end=c", "dataset=digits")[1])
    assert other != found[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.start=nothing", "there is no such folder"),
        ("model.start={0}/swa", "no solution 'swa'; it has last"),
        ("model.start={0}/logits", "no solution 'logits'"),
        ("model.start=/somewhere/{0}", "is a path: give RUN"),
        ("model.end={0}", "from a network to itself"),
        ("model@model.base=resnet20", "is of another network or number of classes: it lacks"),
        ("dataset=fake", "has other shapes in"),
        ("model.shape=line", "not one of bezier, polychain"),
        ("model.bends=-1", "less than 0"),
        ("model.bends=0", "with bends=0 has nothing to train"),
        ("model.report=[1.5]", "1.5 is not in"),
        ("model.base=resnet20", "choose one by model@model.base=resnet20"),
    ],
)
def test_what_is_refused_before_anything_is_done(two_runs, change, message):
    words = [*arguments(two_runs), change.format(two_runs[1])]
    with pytest.raises(ValueError, match=r"^model\.") as error:
        check(*settings_of(*words))
    assert message in str(error.value)


def test_an_unfinished_run_is_no_end(two_runs, tmp_path):
    folder, start, end = two_runs
    (tmp_path / start).mkdir()
    (tmp_path / start / "config.yaml").write_text("epochs: 1\n")
    with pytest.raises(ValueError, match="is not finished"):
        of_runs((tmp_path, start, end))


def gradients(closure):
    """t of every pass over a minibatch, and the gradient of the bend."""
    seen, made = [], closure.model
    hook = made.register_forward_pre_hook(lambda module, inputs: seen.append(module.t.item()))
    closure()
    hook.remove()
    return seen, [p.grad.clone() for p in made.points[1].parameters()]


def test_one_t_a_minibatch_and_the_same_in_its_pieces():
    words = ["dataset=digits", "augment=none", "model=curve", "model@model.base=linear"]
    words += ["model.base.size=8", "model.bends=2", "precision=fp64", "device=cpu", "batch_size=20"]
    whole, cut = (first_stage([*words, *m]).parts.closure for m in ([], ["micro_batch=8"]))
    drawn = []
    for _ in range(40):
        for closure in (whole, cut):
            closure.resample()
        (t,), expected = gradients(whole)
        drawn.append(t)
        assert gradients(whole)[0] == [t]
        pieces, found = gradients(cut)
        assert pieces == [t] * 3
        torch.testing.assert_close(found, expected)
        chunks = [gradients(chunk)[0] for chunk in whole.chunks(10)]
        assert chunks == [[t], [t]]
    assert whole.model.t.item() == 0.5
    assert len(set(drawn)) == 40 and 0.35 < sum(drawn) / 40 < 0.65
    assert min(drawn) < 0.15 and max(drawn) > 0.85
