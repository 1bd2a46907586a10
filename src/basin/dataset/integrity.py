"""MD5 sums: no file of a data set is believed before its sum is right."""

from __future__ import annotations

import hashlib
from pathlib import Path


def md5_of(path: Path) -> str:
    """MD5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def check_md5(path: Path, expected: str) -> None:
    """Raise ValueError, with both sums, where a file is not the published one."""
    found = md5_of(path)
    if found != expected:
        raise _mismatch(path, path.stat().st_size, found, expected)


def read_checked(path: Path, expected: str) -> bytes:
    """The bytes of a file, once their sum is right."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"cannot read {path}: {error.strerror}; remove its folder, so that it is extracted"
            " or downloaded again"
        ) from None
    found = _md5(content).hexdigest()
    if found != expected:
        raise _mismatch(path, len(content), found, expected)
    return content


def _md5(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)


def _mismatch(path: Path, size: int, found: str, expected: str) -> ValueError:
    return ValueError(
        f"{path} ({size} bytes) is damaged or another file: its MD5 is {found}, expected"
        f" {expected}; remove it (a batch file: its whole folder) to have it fetched again"
    )
