"""Files that are either complete or as they were before: write beside, flush, rename."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

PARTIAL = ".partial"


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes `path` when the block ends, on the disk before it is seen there.

    Where the block fails, or the disk is full, the old file stays as it was and nothing is left
    beside it; an OSError names `path`. Only a killed process leaves its `.partial`.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise naming(path, error) from error
        raise


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace a file (text as UTF-8) by new content, entirely or not at all."""
    with atomically(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by `to_json(value)`, indented, entirely or not at all."""
    write_atomically(path, to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON in insertion order; floats round-trip; nan and inf, which JSON has not, become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False, ensure_ascii=False)


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left half-written; only for whoever owns the folder."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def naming(path: Path, error: OSError) -> OSError:
    """The same error, about `path`: an error while writing names no file, or the partial one."""
    return OSError(error.errno, error.strerror or str(error), str(path))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that sync no folders
            raise
    finally:
        os.close(descriptor)
