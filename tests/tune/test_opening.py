"""Storages that are not there, or that another process holds."""

import sqlite3
import sys

import pytest
from searches import search, worker

from basin.tune import opening
from basin.tune.opening import STORAGE_ERRORS, first_line, open_storage


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////no/such/folder/study.db", "cannot be used: unable to open database file$"),
        (
            "postgresql+nodriver://me:secret@host/db",
            r"me:\*\*\*@host/db cannot be used",
        ),
        ("nothing://host/db", "cannot be used: Can't load plugin"),
    ],
)
def test_what_cannot_be_reached_is_said_without_its_password(url, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        open_storage(url, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_package_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ValueError, match=r"redis://:\*\*\*@host/0 needs a package"):
        open_storage("redis://:secret@host/0", tmp_path)


def test_a_report_makes_no_journal(tmp_path):
    with pytest.raises(ValueError, match=r"journal.log: there is no such journal"):
        open_storage(None, tmp_path / "studdy", new=False)
    assert not (tmp_path / "studdy").exists()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("milk\neggs\n")
    with pytest.raises(ValueError, match=r"notes.txt is no journal of studies"):
        open_storage(str(tmp_path / "notes.txt"), tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "milk\neggs\n"


@pytest.mark.slow
def test_a_database_that_stays_locked_ends_the_worker(tmp_path, monkeypatch):
    """And one that is free again in time does not."""
    monkeypatch.setattr(opening, "LOCKED_SECONDS", 0.1)
    one = worker(search(), tmp_path, storage=f"sqlite:///{tmp_path}/study.db")
    holder = sqlite3.connect(tmp_path / "study.db")
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(STORAGE_ERRORS) as caught:
        one.work()
    assert "database is locked" in first_line(caught.value)
    holder.rollback()
    holder.close()
    few = search(scheduler="all", configurations=1)
    again = worker(few, tmp_path, storage=f"sqlite:///{tmp_path}/study.db")
    again.work()
    assert len(again.board.view().scores) == 3
