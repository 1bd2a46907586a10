"""A file of published weights: a local one, or one that is downloaded once and checked."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import torch

DIGITS = {"sha256": 64, "md5": 32}


class WeightsFile:
    """`weights` (a path, a URL, or None for none) and its checksums (None: not checked).

    Raises ValueError where a checksum is not one, a URL has none, or a local file is not there.
    """

    def __init__(self, weights: str | None, *, sha256: str | None, md5: str | None) -> None:
        self._checksums = {
            name: value.lower()
            for name, value in (("sha256", sha256), ("md5", md5))
            if value is not None
        }
        for name, value in self._checksums.items():
            if not re.fullmatch(f"[0-9a-f]{{{DIGITS[name]}}}", value):
                raise ValueError(f"{name}={value!r} is not {DIGITS[name]} hexadecimal digits")
        self._weights = weights
        self._remote = weights is not None and "://" in weights
        if weights is None and self._checksums:
            raise ValueError(f"{' and '.join(self._checksums)}= is given, and no weights=")
        if self._remote and not self._checksums:
            raise ValueError(
                f"weights={weights} is a URL and has no checksum: give sha256= or md5=, or the"
                " path of a file that you trust"
            )
        if weights is not None and not self._remote and not Path(weights).expanduser().is_file():
            raise ValueError(f"weights={weights} is no file; give a path or an https:// URL")

    @property
    def given(self) -> bool:
        """Whether there are any weights."""
        return self._weights is not None

    def fetched(self) -> Path:
        """The local file, right by its checksums; a URL's lies in torch.hub's folder.

        Raises ValueError for a file with other checksums, ConnectionError where none arrives.
        """
        assert self._weights is not None
        if not self._remote:
            path = Path(self._weights).expanduser()
            self._check(path)
            return path
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        checksum = next(iter(self._checksums.values()))
        path = folder / f"{checksum[:16]}-{Path(urlsplit(self._weights).path).name}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._download(self._weights, path)
        self._check(path)
        return path

    def _download(self, url: str, path: Path) -> None:
        """Under a name of this process first: `path` is there only when it is right."""
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            torch.hub.download_url_to_file(url, str(partial), progress=False)
            self._check(partial)
            partial.replace(path)
        except OSError as error:
            raise ConnectionError(
                f"weights={url} cannot be fetched ({error}); download it elsewhere and give its"
                " path as weights="
            ) from None
        finally:
            partial.unlink(missing_ok=True)

    def _check(self, path: Path) -> None:
        for name, wanted in self._checksums.items():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, name).hexdigest()
            if found != wanted:
                raise ValueError(f"{path} has the {name} {found}, not {wanted}: it is another file")
