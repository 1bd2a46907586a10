"""A folder of class folders as one compact table: a million file names are two tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff")


class FileTable:
    """Paths `<root>/<class>/<file>`, sorted by class and name; the label is the class's place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.classes = tuple(sorted(_folders(root)))
        if not self.classes:
            raise ValueError(f"{root} has no class folders; it must hold one folder for each class")
        ends, labels, names = [0], [], bytearray()
        for label, name in enumerate(self.classes):
            files = sorted(_images(root / name))
            if not files:
                raise ValueError(f"{root / name} holds no images ({', '.join(SUFFIXES)})")
            for file in files:
                names += os.fsencode(file)
                ends.append(len(names))
            labels += [label] * len(files)
        self.labels = torch.tensor(labels)  # (N,)
        self._names = torch.frombuffer(names, dtype=torch.uint8)
        self._ends = torch.tensor(ends)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, row: int) -> Path:
        """Where image `row` lies."""
        start, end = self._ends[row : row + 2].tolist()
        name = os.fsdecode(bytes(self._names[start:end].tolist()))
        return self.root / self.classes[int(self.labels[row])] / name

    def share_(self) -> None:
        """Put the table where worker processes read it without a copy of their own."""
        for tensor in (self.labels, self._names, self._ends):
            tensor.share_memory_()


def _folders(root: Path) -> Iterator[str]:
    try:
        with os.scandir(root) as entries:
            yield from (e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError as error:
        raise ValueError(
            f"cannot read {root}: {error.strerror}; give the folder that holds it as"
            " dataset.root=FOLDER"
        ) from None


def _images(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith("."):
                yield entry.name
