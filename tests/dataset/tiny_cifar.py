"""A CIFAR-10 of 30 images in the authors' exact format, and a web server that hands it out."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

from basin.dataset.archive import Archive
from basin.dataset.batch_files import Cifar, Layout
from basin.dataset.facts import Facts

FOLDER, FILENAME = "tiny-batches-py", "tiny-python.tar.gz"


class Python2Pickler(pickle._Pickler):
    """Protocol 2 as Python 2 wrote it: byte strings for text and for the memory of arrays."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)

    def save_flag(self, flag: bool) -> None:
        self.save(int(flag))

    dispatch[str] = dispatch[bytes] = save_string
    dispatch[bool] = save_flag


def python2_pickle(content: Any) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, 2).dump(content)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tar(members: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return file.getvalue()


@dataclass
class Tiny:
    """The files of the tiny set, what was put into them, and the class that reads them."""

    pixels: np.ndarray  # (30, 48), the last 10 for testing
    labels: list[int]
    files: dict[str, bytes]
    packed: bytes
    num_classes: int = 10

    def dataset(self, root: Path, mirror: str | None = None, **changes: Any) -> Cifar:
        class TinyCifar(Cifar):
            facts = Facts(train=20, test=10, num_classes=self.num_classes, shape=(3, 4, 4))
            archive = Archive(
                site="http://127.0.0.1:9/",  # nothing answers there
                filename=FILENAME,
                md5=md5(self.packed),
                folder=FOLDER,
                files={name: md5(content) for name, content in self.files.items()},
            )
            layout = Layout(
                train=("data_batch_1", "data_batch_2"),
                test=("test_batch",),
                meta="batches.meta",
                labels="labels",
                names="label_names",
            )

        arguments = {"mean": [0.5] * 3, "std": [0.2] * 3, "validation": 0, "limit_train": None}
        return TinyCifar(**{"seed": 0, "root": str(root), "mirror": mirror, **arguments, **changes})

    def unpack(self, root: Path) -> Path:
        (root / FOLDER).mkdir()
        for name, content in self.files.items():
            (root / FOLDER / name).write_bytes(content)
        return root / FOLDER


@dataclass
class Server:
    """Serves one file; counts what it is asked for."""

    content: bytes
    url: str = ""
    ranges: bool = True  # whether it honours Range
    cut: int | None = None  # closes the connection after so many bytes
    requested: list[str | None] = field(default_factory=list)  # the Range of each request

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requested.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            end, size = len(self.content) - 1, len(self.content)
            handler.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        handler.wfile.write(self.content[start : self.cut])
