"""Single files that authors publish: found in their folder, or downloaded into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from basin.dataset.archive import data_root, exclusive
from basin.dataset.download import download
from basin.dataset.integrity import check_md5, read_checked


@dataclass(frozen=True, kw_only=True)
class PublishedFiles:
    """Files of one folder in the data root."""

    site: str  # URL prefix
    folder: str
    files: Mapping[str, str]  # name -> MD5

    def read(self, name: str, *, root: str | None, mirror: str | None) -> bytes:
        """The bytes of a file, once their sum is right; fetched where it is not there."""
        return read_checked(self.locate(name, root=root, mirror=mirror), self.files[name])

    def check(self, name: str, *, root: str | None, mirror: str | None) -> Path:
        """Where a file lies whose sum is right, for readers that need not hold its bytes."""
        path = self.locate(name, root=root, mirror=mirror)
        try:
            check_md5(path, self.files[name])
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from None
        return path

    def locate(self, name: str, *, root: str | None, mirror: str | None) -> Path:
        """Where a file lies, whose sum is still to be checked; fetched where it is not there."""
        folder = data_root(root) / self.folder
        path = folder / name
        if path.is_file():
            return path
        url = f"{(mirror or self.site).rstrip('/')}/{name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / f".{name}.lock"):
                if not path.is_file():
                    download(url, path, self.files[name])
        except ConnectionError as error:
            raise ValueError(
                f"cannot download {url}: {error}, and {path} does not exist. Put it there, or give"
                " the folder that holds its folder as dataset.root=FOLDER or BASIN_DATA=FOLDER, or"
                " another site as dataset.mirror=URL (https, http or file)"
            ) from None
        except OSError as error:
            raise ValueError(
                f"cannot put {name} into {folder}: {error}; choose another folder with"
                " dataset.root=FOLDER or BASIN_DATA=FOLDER"
            ) from error
        return path
