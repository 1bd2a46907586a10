"""The tiny CIFAR-10 of tiny_cifar.py, and a web server that hands it out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from tiny_cifar import FOLDER, Server, Tiny, python2_pickle, tar


@pytest.fixture
def tiny() -> Tiny:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 48), dtype=np.uint8)
    labels = [i % 10 for i in range(30)]
    names = ("data_batch_1", "data_batch_2", "test_batch")
    files = {
        name: python2_pickle({"labels": labels[s : s + 10], "data": pixels[s : s + 10]})
        for name, s in zip(names, (0, 10, 20), strict=True)
    }
    files["batches.meta"] = python2_pickle({"label_names": [f"class {k}" for k in range(10)]})
    packed = tar({f"{FOLDER}/{name}": content for name, content in files.items()})
    return Tiny(pixels, labels, files, packed)


@pytest.fixture
def server(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    served = Server(tiny.packed)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.url = f"http://127.0.0.1:{http.server_address[1]}/"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        http.shutdown()
        thread.join()
