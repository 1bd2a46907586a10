"""Where a published archive lies on this machine: found, extracted or downloaded."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from basin.dataset.download import download
from basin.dataset.extract import extract

SCHEMES = ("https://", "http://", "file://")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A tar archive of one folder, as its authors publish it."""

    site: str  # URL prefix
    filename: str
    md5: str
    folder: str
    files: Mapping[str, str]  # name in the folder -> MD5


def check_mirror(mirror: str | None) -> None:
    """Raise ValueError where a mirror is not the URL of a folder."""
    if mirror is not None and not mirror.startswith(SCHEMES):
        raise ValueError(
            f"dataset.mirror={mirror!r} must be a URL that starts with {', '.join(SCHEMES)};"
            " a folder on this machine is dataset.root"
        )


def data_root(root: str | None) -> Path:
    """`root`, else $BASIN_DATA, else $XDG_CACHE_HOME/basin, else ~/.cache/basin."""
    chosen = root or os.environ.get("BASIN_DATA")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "basin"


def locate(archive: Archive, *, root: str | None, mirror: str | None) -> Path:
    """The archive's folder, whose files are still to be checked as they are read."""
    place = data_root(root)
    folder = place / archive.folder
    if folder.is_dir():  # it was renamed into place whole
        return folder
    if place.name == archive.folder and place.is_dir():
        raise ValueError(
            f"dataset.root={place} is the folder of the files itself; give the one that holds it:"
            f" dataset.root={place.parent}"
        )
    if place.exists() and not place.is_dir():
        raise ValueError(f"dataset.root={place} is not a folder; give the one of {archive.folder}")
    url = f"{(mirror or archive.site).rstrip('/')}/{archive.filename}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with exclusive(place / f".{archive.filename}.lock"):
            if not folder.is_dir():
                _obtain(archive, place / archive.filename, url)
    except ConnectionError as error:
        raise ValueError(_unreachable(archive, place, url, error)) from None
    except OSError as error:
        raise ValueError(
            f"cannot put {archive.folder} into {place}: {error}; choose another folder with"
            " dataset.root=FOLDER or BASIN_DATA=FOLDER"
        ) from error
    return folder


def _obtain(archive: Archive, path: Path, url: str) -> None:
    if not path.exists():
        print(f"downloading {url} into {path.parent}", file=sys.stderr, flush=True)
        download(url, path, archive.md5)
    extract(path, archive.md5, archive.folder)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """One process at a time; the lock of a process that ends is free. The empty file stays."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for the process that holds {lock}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unreachable(archive: Archive, place: Path, url: str, error: Exception) -> str:
    return (
        f"cannot download {url}: {error}. Neither {place / archive.folder} nor"
        f" {place / archive.filename} exists. Without that network, give the folder that holds"
        f" {archive.folder} or {archive.filename} as dataset.root=FOLDER or BASIN_DATA=FOLDER, or"
        " another site as dataset.mirror=URL (https, http or file)"
    )
