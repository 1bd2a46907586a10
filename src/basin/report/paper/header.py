"""The comment at the head of an experiment: what it reproduces, and how much of it is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FIELDS = (
    *("paper", "recipe", "command", "reported", "ours", "cost", "deviations", "later"),
    "observable",
)
REQUIRED = ("paper", "recipe", "command", "reported", "ours", "deviations")
FIELD = re.compile(rf"# ({'|'.join(FIELDS)}): +(.+)")
MORE = re.compile(r"#   +(\S.*)")
RECIPE = re.compile(r"complete|inferred\[([\w.@/, ]+)\]")


@dataclass(frozen=True)
class Header:
    """Fields by name; `inferred` are the keys whose value no trusted source gives."""

    description: str
    fields: dict[str, str]
    inferred: tuple[str, ...]

    @property
    def is_mini(self) -> bool:
        """A scaled-down check of a stated observable, no row of a paper."""
        return "observable" in self.fields


def read_header(file: Path) -> Header:
    """The header of configs/experiment/<name>.yaml; ValueError where it has not the fixed form."""
    description, fields, last = "", dict[str, str](), ""
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        match, more = FIELD.fullmatch(line), MORE.fullmatch(line)
        if match is not None:
            last = match[1]
            fields[last] = match[2]
        elif more is not None and last:
            fields[last] += f"\n{more[1]}" if last == "command" else f" {more[1]}"
        elif not description and not line.startswith("# @"):
            description = line[2:]
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise ValueError(f"{file}: its header lacks {', '.join(missing)}")
    return Header(description, fields, _inferred(file, fields["recipe"]))


def _inferred(file: Path, text: str) -> tuple[str, ...]:
    match = RECIPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{file}: recipe: {text} is not complete, or inferred[key, key]")
    return tuple(key.strip() for key in match[1].split(",")) if match[1] else ()
