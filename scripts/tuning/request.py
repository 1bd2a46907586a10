"""What the command line of tune.py asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from basin.experiment.schema import MACHINE_ONLY
from basin.tune.search import Search, search_of

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
ACTIONS = ("run", "work", "report")
KEYS = ("search", "action", "study", "storage", "folder", "workers", "final", "out")
FIELDS = tuple(field.name for field in fields(Search))
PASSED_ON = tuple(k for k in MACHINE_ONLY if k not in ("rerun", "rerun_from", "runtime.keep_end"))


@dataclass(frozen=True)
class Request:
    """A checked command line."""

    search: Search | None  # None: of a study that is only reported
    action: str
    study: str
    storage: str | None  # a URL, or a journal file; None: in the study's folder
    folder: Path  # of the study
    workers: int | None  # processes on each device; None: this one
    final: str | None  # study that says how good a configuration is
    out: Path  # of a report
    rest: tuple[str, ...]  # for train.py
    words: tuple[str, ...]  # the command line of another worker, without action


def parse(arguments: Sequence[str]) -> Request:
    """Raises ValueError naming the word, what is allowed and the nearest name."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    own, given = dict[str, str](), dict[str, Any]()
    for word in arguments[:place]:
        key, equals, value = word.partition("=")
        if not equals or key not in (*KEYS, *FIELDS):
            near = get_close_matches(key, (*KEYS, *FIELDS), 1)
            hint = f" Did you mean {near[0]}=?" if near else ""
            raise ValueError(
                f"{word} is not understood.{hint} There are {'=, '.join(KEYS)}=, the fields of a"
                f" search ({', '.join(FIELDS)}), and -- WORDS for train.py"
            )
        if key in KEYS:
            own[key] = value
        else:
            given[key] = _value(word, value)
    action = own.get("action", "run")
    if action not in ACTIONS:
        raise ValueError(f"action={action} is not one of {', '.join(ACTIONS)}")
    rest = tuple(arguments[place + 1 :])
    for word in rest:
        _check_passed_on(word)
    search = _search(own.get("search"), given) if action != "report" else None
    study = own.get("study") or _name(own.get("search"), search)
    folder = Path(own.get("folder", ROOT / "results" / "searches")) / study
    return Request(
        search=search,
        action=action,
        study=study,
        storage=own.get("storage"),
        folder=folder,
        workers=_workers(own.get("workers")),
        final=own.get("final"),
        out=Path(own.get("out", folder)),
        rest=rest,
        words=tuple(w for w in arguments if not w.startswith(("workers=", "action="))),
    )


def _value(word: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"{word}: the value is no YAML ({why}); are quotes missing?") from None


def _search(name: str | None, given: dict[str, Any]) -> Search:
    there = sorted(path.stem for path in (CONFIGS / "tune").glob("*.yaml"))
    if name is None:
        raise ValueError(f"search=NAME is missing; there are {', '.join(there)}, or a file.yaml")
    file = Path(name) if name.endswith(".yaml") else CONFIGS / "tune" / f"{name}.yaml"
    if not file.is_file():
        near = get_close_matches(name, there, 3, 0.4) or there
        raise ValueError(f"search={name}: there is no such file. Did you mean {', '.join(near)}?")
    try:
        content = yaml.safe_load(file.read_text())
        if not isinstance(content, dict):
            raise ValueError("it is not a mapping of fields")
        return search_of({**content, **given})
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from None


def _name(name: str | None, search: Search | None) -> str:
    """Of a study: what tells the searches of one file from each other, mostly."""
    if search is None or name is None:
        raise ValueError("study=NAME is missing; action=report reads one")
    return f"{Path(name).stem}-{search.scheduler}-{search.mode}-s{search.seed}"


def _check_passed_on(word: str) -> None:
    key = word.split("=", 1)[0].lstrip("+")
    if key not in PASSED_ON and not key.startswith("logger."):
        raise ValueError(
            f"-- {word}: only what is no part of a run's identity may be given here"
            f" ({', '.join(PASSED_ON)}); the rest belongs to overrides of the search"
        )


def _workers(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"workers={text} is not a whole number of 1 or more")
    return int(text)
