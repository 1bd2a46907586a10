"""The learning-rate range test: one run whose rate rises, and what accuracy and loss say to it.

    python scripts/lr_range.py experiment=quickstart [field=value ...]
    python scripts/lr_range.py dataset=cifar10 dataset.validation=2000 --shape linear --high 0.5

Fields are those of train.py; schedule and lr are the ramp's. It writes lr_range.png and
lr_range.json into the folder --out, and nothing anywhere else. Accuracy is that of the validation
part; without a split that of the test part, which the suggestion is then selected on. The run stops
where the training loss exceeds its first value and --diverged times its lowest, or is not finite.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from first_stage import CONFIGS, FirstStage, first_stage
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from basin.analysis.lr_range import NEEDED, Measurement, Suggestion, diverged, suggest
from basin.analysis.lr_range_picture import draw
from basin.core.files import write_json
from basin.core.reader import quietly
from basin.experiment.errors import explain
from basin.training.allocator import keep_freed_memory
from basin.training.bookkeeping import Bookkeeping
from basin.training.loop import fit
from basin.training.meter import Intervals
from basin.training.tally import NonFinite

RAMPS = {
    "linear": "schedule=linear schedule.lr.floor={ratio!r}",
    "exponential": "schedule=exponential schedule.lr.gamma={ratio!r} schedule.lr.every=${{epochs}}"
    " schedule.lr.per=step",
}
"""Of the configuration: the lowest rate times a factor that rises to the ratio of the bounds."""


class Finished(Exception):
    """The ramp has ended, or the loss diverged."""


@dataclass
class Measurements:
    """A training.bookkeeping.Log that keeps the points, and ends the run before it would save."""

    part: str
    factor: float  # of the lowest loss, at which the run diverged
    epochs: float
    points: list[Measurement] = field(default_factory=list)

    def epoch(self, line: dict[str, Any]) -> None:
        """One point; the last one ends the run."""
        scores = line["solutions"]["last"][self.part]
        point = Measurement(line["lr"], line["train"]["loss"], 100 - scores["error"])
        self.points.append(point)
        print(f"lr {point.lr:.3e}  loss {point.loss:8.4f}  accuracy {point.accuracy:6.2f}")
        if diverged([p.loss for p in self.points], self.factor):
            raise Finished(f"the loss diverged at lr={point.lr:.3g}")
        if line["t"] >= self.epochs:
            raise Finished("the ramp's end was reached")

    def progress(self, line: dict[str, Any]) -> None:
        """Nothing between points."""

    def save(self, content: dict[str, Any]) -> None:
        """Nothing: a range test has no checkpoints."""


def ramp(fields: Sequence[str], low: float, high: float, shape: str) -> list[str]:
    """The command line with the ramp in the place of lr and schedule; ValueError for bad bounds."""
    if not 0 < low < high < inf:
        raise ValueError(f"--low={low} --high={high}: give rates with 0 < low < high")
    for word in fields:
        key = word.lstrip("+").split("=")[0]
        if key in ("lr", "schedule") or key.startswith("schedule.lr"):
            raise ValueError(f"{word}: the range test sets lr and its schedule; use --low, --high")
    return [*fields, f"lr={low!r}", *RAMPS[shape].format(ratio=high / low).split(" ")]


def measure(stage: FirstStage, num: int, factor: float) -> tuple[list[Measurement], str, str]:
    """The points, the part of the data that accuracy is of, and why the run ended."""
    if stage.dataset.score is not None:
        raise ValueError("a range test reads accuracy, which this data set has not")
    if num < 2:
        raise ValueError(f"--points={num} is less than 2")
    keep_freed_memory(stage.parts.precision.device)
    state, parts = stage.parts.state, stage.evaluator.parts
    part = "validation" if "validation" in parts else "test"
    log = Measurements(part, factor, state.stage.epochs)
    around = Bookkeeping(
        stage.parts,
        replace(stage.evaluator, parts={part: parts[part]}),
        intervals=Intervals(evaluate=state.stage.epochs / num, checkpoint=inf),
        output=log,
        interrupted=lambda: 0,
        header=lambda epoch: {},
    )
    try:
        fit(state, stage.parts.closure, around)
    except (Finished, NonFinite) as end:
        return log.points, part, str(end).split(";")[0]
    raise AssertionError("the last point ends the run")


def write(
    folder: Path, words: Sequence[str], result: tuple[list[Measurement], str, str], *, shape: str
) -> Suggestion | None:
    """The picture and the numbers, in a folder of their own."""
    points, part, end = result
    if not points:
        raise ValueError(f"{end}, before the first point: lower --low")
    suggestion = suggest(points)
    folder.mkdir(parents=True, exist_ok=True)
    draw(points, suggestion, folder / "lr_range.png", logarithmic=shape != "linear", part=part)
    content = {
        "overrides": list(words),
        "accuracy_of": part,
        "ended": end,
        "suggestion": None if suggestion is None else asdict(suggestion),
        "points": [asdict(point) for point in points],
    }
    write_json(folder / "lr_range.json", content)
    return suggestion


def why_none(points: Sequence[Measurement], asked: int) -> str:
    """What stood in the way of a suggestion, and what to change."""
    if len(points) >= NEEDED:
        return "accuracy rose by less than 5 per cent; try more epochs, or other bounds"
    if asked < NEEDED:
        return f"--points={asked}: give {NEEDED} or more, and as many updates"
    return (
        f"{len(points)} measurements, one an update at the most, are too few: {NEEDED} updates or"
        " more are needed before the end; give more epochs, a smaller batch_size, or a lower --high"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--low", type=float, default=1e-4, help="first rate (1e-4)")
    parser.add_argument("--high", type=float, default=1.0, help="last rate (1)")
    parser.add_argument("--shape", choices=sorted(RAMPS), default="exponential")
    points = f"measurements on the way (50); {NEEDED} and more for a suggestion"
    parser.add_argument("--points", type=int, default=50, help=points)
    parser.add_argument("--diverged", type=float, default=4.0, help="times the lowest loss (4)")
    parser.add_argument("--out", type=Path, default=Path("lr_range"), help="folder (lr_range)")
    parser.add_argument("fields", nargs="*", help="as for train.py")
    chosen = parser.parse_intermixed_args(arguments)
    try:
        words = ramp(chosen.fields, chosen.low, chosen.high, chosen.shape)
        result = measure(first_stage(words), chosen.points, chosen.diverged)
        suggestion = write(chosen.out, words, result, shape=chosen.shape)
    except (OSError, ValueError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, str(CONFIGS))}", file=sys.stderr)
        return 1
    print(f"{result[2]}; {chosen.out}/lr_range.png, lr_range.json")
    if suggestion is None:
        print(f"no suggestion: {why_none(result[0], chosen.points)}")
        return 0
    print(f"suggested: base {suggestion.base:.3g}, maximum {suggestion.maximum:.3g}")
    if result[1] == "test":
        print("selected on test: give dataset.validation=<examples> to hold some out")
    return 0


if __name__ == "__main__":
    sys.exit(quietly(main))
