"""The results of a sweep as a tidy table: a row for each solution of each run."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from basin.core.scores import headline, score_text

Line = dict[str, Any]


def lines(
    label: str, words: Sequence[str], state: str, record: dict[str, Any] | None
) -> list[Line]:
    """The rows of one run: what it is, what became of it, and its scores where it is finished."""
    own: Line = dict(word.lstrip("+").partition("=")[::2] for word in words if "=" in word)
    own.pop("seed", None)  # the record's, a number
    head = {"point": label, **own, "state": state}
    if record is None:
        return [head]
    cost = {k: record["cost"][k] for k in ("gradient_evaluations", "seconds", "steps")}
    return [
        {
            **head,
            "run": record["run"],
            "seed": record["seed"],
            "solution": solution,
            "epoch": result["final"]["epoch"],
            **{
                f"{part}_{name}": value
                for part in ("validation", "test")
                for name, value in result["final"].get(part, {}).items()
            },
            **cost,
        }
        for solution, result in record["results"].items()
    ]


def to_csv(table: Sequence[Line]) -> str:
    """Every column that any row has; what a row has not is empty."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(dict.fromkeys(key for line in table for key in line)))
    writer.writeheader()
    writer.writerows(table)
    return file.getvalue()


def write_parquet(table: Sequence[Line], file: Path) -> None:
    """The same table; ValueError where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError("--parquet needs pyarrow: pip install pyarrow") from None
    columns = list(dict.fromkeys(key for line in table for key in line))
    values = {key: [line.get(key) for line in table] for key in columns}
    pyarrow.parquet.write_table(pyarrow.table(values), file)


def summary(table: Sequence[Line]) -> str:
    """Mean and standard deviation over seeds of the score that sweeps read, best first."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    names: dict[tuple[str, str], str] = {}
    for line in table:
        for part in ("validation", "test"):
            scores = {k: v for k, v in line.items() if k.startswith(f"{part}_")}
            if scores:
                name = headline(scores)
                key = (_seedless(line["point"]), line["solution"])
                groups[key].append(float("nan") if line[name] is None else line[name])
                names[key] = name
                break
    rows = []
    for key in sorted(groups, key=lambda key: mean(groups[key])):
        part, _, score = names[key].partition("_")
        values = groups[key]
        spread = f" +- {stdev(values):.2g}" if len(values) > 1 else ""
        text = score_text(score, mean(values))
        rows.append(f"{text}{spread} (n={len(values)}, {part})  {key[1]}  {key[0]}".rstrip())
    return "\n".join(rows)


def _seedless(label: str) -> str:
    return " ".join(word for word in label.split(" ") if not word.startswith("seed="))
