"""The real command line, in processes that start in a moment: a fork server has torch loaded."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[1]
PRELOAD = [
    *("torch", "torch.distributed", "torchmetrics.functional.classification", "sklearn.datasets"),
    *("basin.experiment.run", "torch._dynamo", "commands", "searches", "toy"),
]
MINI = [
    *("experiment=quickstart", "epochs=3", "dataset.limit_train=192", "batch_size=32"),
    *("device=cpu", "runtime.threads=1", "logger=none"),
]
"""Three epochs of six updates each on 192 digits: about three seconds."""


At = tuple[str, str, int]
"""Call number n of a function: module, name (with its class), n."""


def _child(
    arguments: list[str],
    output: str,
    kill_at: At | None,
    kill_after: float,
    full_at: At | None,
    variables: dict[str, str],
) -> None:
    sys.path.insert(0, str(ROOT))
    os.environ |= variables
    with Path(output).open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["train.py", *arguments]
    import train

    if kill_at is not None:
        _do_at(*kill_at, lambda: _kill_in(kill_after))
    if full_at is not None:
        _do_at(*full_at, _fill_disk)
    sys.exit(train.main())


def _kill_in(seconds: float) -> None:
    """kill -9 of this process: now, or that much later, wherever it is by then."""
    if seconds:
        threading.Timer(seconds, _kill_in, (0.0,)).start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _fill_disk() -> None:
    """From now on no file can be larger than 100 kB: a checkpoint's write fails half-way."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def _do_at(module: str, name: str, call: int, action: Callable[[], None]) -> None:
    """Do something on entering call number `call` of module.name (a function, or Class.method)."""

    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    original, calls = getattr(owner, last), [0]

    def acting(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            action()
        return original(*args, **kwargs)

    setattr(owner, last, acting)


class Command:
    """`python train.py ARGUMENTS`, started at once in the environment of whoever starts it."""

    def __init__(
        self,
        *arguments: str,
        output: Path,
        kill_at: At | None = None,
        kill_after: float = 0.0,
        full_at: At | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        self.output = output
        environment = {**os.environ, **(variables or {})}  # the fork server's is older
        self.process = context.Process(
            target=_child,
            args=([*arguments], str(output), kill_at, kill_after, full_at, environment),
        )
        self.process.start()

    def wait(self, seconds: float = 120.0) -> int:
        """Exit code; negative for a signal."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            raise TimeoutError(self.text())
        assert self.process.exitcode is not None
        return self.process.exitcode

    def kill(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def text(self) -> str:
        return self.output.read_text() if self.output.exists() else ""


def run(*arguments: str, output: Path, code: int = 0) -> str:
    """What the command prints; fails where it ends with another exit code."""
    command = Command(*arguments, output=output)
    assert command.wait() == code, command.text()
    return command.text()


def final_weights(results: Path) -> dict[str, torch.Tensor]:
    """The weights of the only run in a results folder."""
    (path,) = results.glob("*/last.safetensors")
    return load_file(path)


def bitwise(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
