"""A table of the models of configs/model: parameters, FLOPs, times.

    python scripts/models.py                                    all of them
    python scripts/models.py resnet20 wrn_28_10 device=cuda     two of them, on a GPU
    python scripts/models.py time=false                         without running any
    python scripts/models.py time=false write=true              and into results/benchmarks

FLOPs are those of one image's forward pass at the option's native size (2 a multiply-add). Times
are medians of a minibatch in fp32: forward in eval mode without gradients, and forward and
backward in training mode. A model that cannot be timed says why in its row.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import torch
from benchmarks.models import OPTIONS, Amount, Row, measure
from first_stage import CONFIGS

from basin.core.files import write_json
from basin.core.reader import quietly
from basin.experiment import devices

DEFAULTS = {
    "device": "cpu",
    "batch": "8",
    "classes": "10",
    "size": "",
    "repeats": "5",
    "time": "true",
    "write": "false",
}
FILE = CONFIGS.parent / "results" / "benchmarks" / "models.json"
"""By which reproduce.py scales what it has measured to other models."""
HEADINGS = ("option", "images", "parameters", "GFLOPs", "forward ms", "forward+backward ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 1 where a model could not even be counted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    fields = " ".join(f"{key}={value}" for key, value in DEFAULTS.items())
    parser.add_argument("words", nargs="*", help=f"options of configs/model, and any of {fields}")
    try:
        options, amount, device, write = parsed(parser.parse_args(arguments).words)
    except ValueError as error:
        parser.error(str(error))
    print(line(HEADINGS))
    print(line(["---", "---", *["---:"] * 4]))
    flops = {}
    for option in options:
        row = measure(option, amount, device)
        flops[option] = row.flops
        print(line(cells(row)), flush=True)
    if write:
        known = {option: count for option, count in flops.items() if count is not None}
        write_json(FILE, {"forward_flops_per_image": known})
    return 1 if None in flops.values() else 0


def parsed(words: Sequence[str]) -> tuple[list[str], Amount, torch.device | None, bool]:
    """Options, amounts, device (None: no times), whether to write; ValueError names a word."""
    fields, options = dict(DEFAULTS), []
    for word in words:
        key, equals, value = word.partition("=")
        known = DEFAULTS if equals else OPTIONS
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f" of {', '.join(known)}"
            raise ValueError(f"{word} is no {'field' if equals else 'option'}{hint}")
        if equals:
            fields[key] = value
        else:
            options.append(key)
    for key in ("time", "write"):
        if fields[key] not in ("true", "false"):
            raise ValueError(f"{key}={fields[key]} is not true or false")
    write = fields["write"] == "true"
    if write and options:
        raise ValueError("write=true writes one file of all options; name none")
    amount = Amount(
        classes=_positive(fields, "classes"),
        batch=_positive(fields, "batch"),
        size=_positive(fields, "size") if fields["size"] else None,
        repeats=_positive(fields, "repeats"),
    )
    device = devices.pick(fields["device"]) if fields["time"] == "true" else None
    return options or OPTIONS, amount, device, write


def cells(row: Row) -> list[str]:
    """A row of the table; what stopped it stands in the last cells."""
    times = [f"{value:.1f}" if value is not None else "" for value in (row.forward, row.both)]
    return [
        row.option,
        " x ".join(map(str, row.shape)),
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.flops is None else f"{row.flops / 1e9:.4g}",
        times[0],
        row.problem or times[1],
    ]


def line(columns: Sequence[str]) -> str:
    """A line of a Markdown table."""
    widths = (28, 13, 13, 9, 10, 0)
    padded = [
        text.ljust(width) if place < 2 else text.rjust(width)
        for place, (text, width) in enumerate(zip(columns, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def _positive(fields: dict[str, str], key: str) -> int:
    if not fields[key].isdecimal() or int(fields[key]) < 1:
        raise ValueError(f"{key}={fields[key]} is not a number of 1 or more")
    return int(fields[key])


if __name__ == "__main__":
    sys.exit(quietly(main))
