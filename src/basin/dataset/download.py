"""Downloads one file: resumed where it was broken off, and believed only with the right MD5."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from basin.dataset.integrity import check_md5, md5_of

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20  # bytes


def download(url: str, target: Path, md5: str) -> None:
    """Fetch `url` into `target` through `<target>.partial`; the caller holds the place's lock.

    Raises ConnectionError where the network is at fault (the partial file stays, to be resumed),
    and ValueError where the bytes are (the partial file is deleted).
    """
    partial = target.with_name(target.name + ".partial")
    resumed = partial.exists()
    if not resumed or md5_of(partial) != md5:
        _transfer(url, partial)
    if resumed and (found := md5_of(partial)) != md5:
        _say(f"{partial} resumed to a file with MD5 {found}, not {md5}: downloading it anew")
        partial.unlink()
        _transfer(url, partial)
    try:
        check_md5(partial, md5)
    except ValueError as error:
        partial.unlink()
        raise ValueError(f"{url} gave a wrong file, now deleted: {error}") from None
    partial.rename(target)


def _transfer(url: str, partial: Path) -> None:
    """Append the missing bytes, or write all of them where the server sends from the start."""
    response, offset = _open(url, partial.stat().st_size if partial.exists() else 0)
    with response, partial.open("ab" if offset else "wb") as file:
        length = response.headers.get("Content-Length")
        total = None if length is None else offset + int(length)
        progress = Progress(partial.stem, total)
        done = offset
        for chunk in _chunks(response):
            file.write(chunk)
            done += len(chunk)
            progress(done)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(
            f"the connection closed after {done} of {total} bytes (the same command resumes)"
        )


def _open(url: str, offset: int) -> tuple[Any, int]:
    """The response, and the byte of the file that it starts from: `offset` or 0."""
    request = Request(url, headers={"User-Agent": "basin"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return _open(url, 0)
        raise ConnectionError(f"the server answers {error.code} {error.reason}") from None
    except (URLError, http.client.HTTPException, OSError) as error:
        raise ConnectionError(str(getattr(error, "reason", error))) from None
    content_range = response.headers.get("Content-Range", "")
    honoured = response.status == 206 and content_range.startswith(f"bytes {offset}-")
    return response, offset if honoured else 0


def _chunks(response: Any) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (http.client.HTTPException, OSError) as error:
        raise ConnectionError(f"{error} (the same command resumes)") from None


class Progress:
    """Says on stderr how much there is: every per cent on a terminal, every tenth elsewhere."""

    def __init__(self, name: str, total: int | None) -> None:
        self._name, self._total, self._said = name, total, -1
        self._terminal = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        """Report that `done` bytes are there."""
        whole = self._total or 10 * CHUNK * 10
        mark = done * (100 if self._terminal else 10) // whole
        if mark > self._said:
            self._said = mark
            of = f" of {self._total / 1e6:.1f}" if self._total else ""
            end = "\r" if self._terminal and done != self._total else "\n"
            _say(f"{self._name}: {done / 1e6:.1f}{of} MB", end)


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)
