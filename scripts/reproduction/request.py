"""What the command line of reproduce.py asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from basin.experiment.schema import MACHINE_ONLY

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
ACTIONS = ("show", "run", "collect", "render")
PASSED_ON = tuple(key for key in MACHINE_ONLY if key not in ("results", "rerun"))
KEYS = ("table", "action", "cells", "seeds", "budget_hours", "compare", "results", "folder")


@dataclass(frozen=True)
class Request:
    """A checked command line."""

    folder: Path  # of table files
    tables: tuple[str, ...]  # names; all of them for `all`
    action: str
    cells: tuple[str, ...]  # words of which a cell's name has one; none: every cell
    seeds: tuple[int, ...]  # none: every seed
    budget_hours: float | None
    compare: str | None  # two methods, a comma between; a name may have commas of its own
    results: Path
    rest: tuple[str, ...]  # for train.py
    is_all: bool

    def wants(self, key: str) -> bool:
        """Whether a cell is chosen."""
        return not self.cells or any(word.lower() in key.lower() for word in self.cells)


def parse(arguments: Sequence[str]) -> Request:
    """Raises ValueError naming the word, what is allowed and the nearest name."""
    words, rest = _split(list(arguments))
    given = dict[str, str]()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise ValueError(f"{word} is not understood; give {'=, '.join(KEYS)}=, and -- WORDS")
        if key in given:
            raise ValueError(f"{word}: {key} was given before; several go into one, as {key}=A,B")
        given[key] = value
    action = given.get("action", "show")
    if action not in ACTIONS:
        raise ValueError(f"action={action} is not one of {', '.join(ACTIONS)}")
    if "compare" in given and action != "show":
        raise ValueError(f"compare= shows what there is; action={action} goes without it")
    if "cells" in given and action == "render":
        raise ValueError(
            f"cells={given['cells']}: action=render writes whole tables, without cells="
        )
    chosen = given.get("table", "all" if action == "collect" else "")
    folder = Path(given.get("folder", CONFIGS / "table"))
    for word in rest:
        _check_passed_on(word)
    return Request(
        folder=folder,
        tables=_tables(chosen, folder),
        action=action,
        cells=_list(given.get("cells", "")),
        seeds=tuple(_whole("seeds", seed) for seed in _list(given.get("seeds", ""))),
        budget_hours=_hours(given["budget_hours"]) if "budget_hours" in given else None,
        compare=given.get("compare"),
        results=Path(given.get("results", ROOT / "results")),
        rest=tuple(rest),
        is_all=chosen == "all",
    )


def _tables(text: str, folder: Path) -> tuple[str, ...]:
    there = sorted(path.stem for path in folder.glob("*.yaml"))
    if not there:
        raise ValueError(f"folder={folder} has no table: no file *.yaml")
    if text == "all":
        return tuple(there)
    names = _list(text)
    for name in names:
        if names.count(name) > 1 or name == "all":
            why = "stands alone" if name == "all" else "is given twice"
            raise ValueError(f"table={text}: {name} {why}; give all, or different tables, as A,B")
        if name not in there:
            near = get_close_matches(name, ["all", *there], 3, 0.4) or there
            raise ValueError(
                f"table={name}: there is no such table. Did you mean {', '.join(near)}?"
            )
    if not names:
        raise ValueError(f"table=NAME is missing; there are all, {', '.join(there)}")
    return names


def _check_passed_on(word: str) -> None:
    """Only what leaves a run what it is."""
    key = word.split("=", 1)[0].lstrip("+")
    ours = key in PASSED_ON or key.startswith(("hydra/", "hydra.", "logger."))
    if not ours or "=" not in word:
        raise ValueError(
            f"-- {word}: only the launcher (hydra/..., hydra....) and what is no part of a run's"
            f" identity may be given here: {', '.join(PASSED_ON)}"
        )


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name}={text} is not a list of whole numbers, as seeds=0,1,2")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not hours > 0:
        raise ValueError(f"budget_hours={text} is not a number of hours above 0")
    return hours
