"""The beginning of a search, or a worker that joins it: all do the same, in the same folder."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from basin.tune.search import Search
from basin.tune.storage import Studies

MARK = "study.id"
"""The file by which a worker knows the folder in which the others are."""


def join(shared: Studies, search: Search, recipe: Sequence[str], folder: Path) -> None:
    """Begin a search, or join it. Raises ValueError where the study is of another one.

    recipe: what `overrides` are today; a study that lasts days must not change on the way.
    folder: where workers see whether the others live.
    """
    study = shared.configurations
    if "search" not in study.user_attrs:
        study.set_user_attr("folder", _marked(folder))
        study.set_user_attr("recipe", list(recipe))
        study.set_user_attr("search", asdict(search))
    begun = study.user_attrs  # another worker's, where two begin at once
    differs = search.differences(begun["search"])
    if not differs and begun["recipe"] != list(recipe):
        differs = ["overrides: what they name, or basin's NUMERICS, was changed since"]
    if differs:
        raise ValueError(
            f"study={shared.name} is another search ({'; '.join(differs)}); give study=NAME"
        )
    mark = folder / MARK
    if not mark.is_file() or mark.read_text() != begun["folder"]:
        raise ValueError(
            f"{folder} is not the folder in which study={shared.name} was begun: all workers need"
            " one that they share, as they need results; give folder=. If it was removed, give"
            " study=NAME: finished runs are found in results, and not trained again"
        )


def _marked(folder: Path) -> str:
    """The folder's own word, the same for all that begin in it at once."""
    folder.mkdir(parents=True, exist_ok=True)
    mark, partial = folder / MARK, folder / f".{MARK}-{secrets.token_hex(4)}"
    partial.write_text(secrets.token_hex(8))
    with suppress(FileExistsError):
        mark.hardlink_to(partial)  # whole or not at all, and only where there is none
    partial.unlink()
    return mark.read_text()
