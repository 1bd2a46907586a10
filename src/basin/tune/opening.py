"""Where studies are kept: a journal file, or any database that Optuna takes by its URL."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from json import JSONDecodeError
from pathlib import Path

from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

REDIS = ("redis://", "rediss://", "unix://")
STORAGE_ERRORS = (OptunaError, SQLAlchemyError)
"""What a storage raises that has become unreachable."""
LOCKED_SECONDS = 60
"""For which SQLite waits where another process writes."""


def open_storage(storage: str | None, folder: Path, *, new: bool = True) -> BaseStorage:
    """A URL's database, or a journal file: that of the path, or `journal.log` of the folder.

    new: whether a journal file is made. Raises ValueError for one that is not there otherwise, and
    for a database that cannot be reached.
    """
    if storage is not None and storage.startswith(REDIS):
        return _reached(storage, lambda: JournalStorage(JournalRedisBackend(storage)))
    if storage is not None and "://" in storage:
        options = {"connect_args": {"timeout": LOCKED_SECONDS}} if "sqlite" in storage else {}
        return _reached(storage, lambda: RDBStorage(storage, engine_kwargs=options))
    file = folder / "journal.log" if storage is None else Path(storage)
    if not (new or file.is_file()):
        raise ValueError(f"{file}: there is no such journal; give folder= or storage= of the study")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return JournalStorage(JournalFileBackend(str(file)))
    except JSONDecodeError:
        raise ValueError(f"{file} is no journal of studies; give storage= another name") from None


def _reached(storage: str, made: Callable[[], BaseStorage]) -> BaseStorage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of the journal in Redis
            return made()
    except ImportError as error:
        raise ValueError(f"storage={shown(storage)} needs a package: {error}") from None
    except (*STORAGE_ERRORS, OSError) as error:
        raise ValueError(f"storage={shown(storage)} cannot be used: {first_line(error)}") from None


def shown(storage: str) -> str:
    """A URL without its password."""
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage


def first_line(error: BaseException) -> str:
    """Of the innermost error, which says what the database said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error) or type(error).__name__).splitlines()[0]
