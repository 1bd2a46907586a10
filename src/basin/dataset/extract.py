"""Extracts a tar archive whole or not at all, and nothing outside its folder."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from basin.dataset.integrity import check_md5


def extract(archive: Path, md5: str, folder: str) -> None:
    """Put the archive's one folder beside it. The caller holds the lock of that place."""
    check_md5(archive, md5)
    unfinished = archive.parent / f".{folder}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    unfinished.mkdir()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _write(tar, member, folder, unfinished)
        if not (unfinished / folder).is_dir():
            raise ValueError(f"{archive} does not contain the folder {folder}")
        (unfinished / folder).rename(archive.parent / folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{archive} is not a readable archive: {error}; remove it") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: str, into: Path) -> None:
    path = PurePosixPath(member.name)
    if path.parts[:1] != (folder,) or ".." in path.parts:  # an absolute path begins with "/"
        raise ValueError(
            f"{tar.name!s} is refused: its member {member.name!r} lies outside the folder {folder}"
        )
    if not (member.isreg() or member.isdir()):
        raise ValueError(
            f"{tar.name!s} is refused: its member {member.name!r} is a link or a device, and only"
            " files and folders are extracted"
        )
    target = into / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # it is a regular file
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
