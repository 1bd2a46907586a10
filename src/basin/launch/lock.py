"""One process a run folder: lock.json, with a heartbeat, taken over from the dead only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from basin.core.files import write_atomically
from basin.launch.guard import exclusively
from basin.launch.holder import Holder, has_ended, parse, this_process


class RunningElsewhere(RuntimeError):
    """Another process runs this folder."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        super().__init__(
            f"{folder} is being run by {holder.described}; wait for that to end, or stop it first"
        )
        self.holder = holder


class LostLock(RuntimeError):
    """Another process has taken the folder over: nothing more may be written to it."""


class RunLock:
    """Held inside one `with`; `lost` turns true where another process has taken the folder over.

    interval: seconds between heartbeats. patience: seconds of this process's own clock for which
    a heartbeat must stand still before a process that cannot be seen from here counts as gone.
    """

    def __init__(
        self,
        folder: Path,
        notice: Callable[[str], None],
        *,
        interval: float = 10.0,
        patience: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._notice = folder, notice
        self._file, self._guard = folder / "lock.json", folder / ".lock"
        self._interval, self._patience = interval, patience
        self._clock, self._sleep = clock, sleep
        self._mine = this_process()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.lost = False

    def __enter__(self) -> RunLock:
        """Take the lock or raise RunningElsewhere; waits only where a heartbeat alone can tell."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            seen = self._read()
            if seen is not None:
                self._await_end(seen)
            if self._replace(seen):
                break
        if seen is not None:
            self._notice(f"took {self._folder} over from {_described(parse(seen))}, which is gone")
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the heartbeat and remove the lock, unless it is another's by now."""
        self._released.set()
        self._thread.join()
        with suppress(OSError), exclusively(self._guard):
            if self.is_mine():
                self._file.unlink()

    def is_mine(self) -> bool:
        """Whether lock.json names this process now: a look at the disk, where `lost` lags."""
        holder = parse(self._read() or b"")
        return holder is not None and holder.token == self._mine.token

    def check(self) -> None:
        """Raise LostLock where lock.json does not name this process any more."""
        if self.lost or not self.is_mine():
            raise LostLock(
                f"{self._folder} was taken over by {_described(parse(self._read() or b''))}:"
                " this process stops without writing to it"
            )

    def _await_end(self, seen: bytes) -> None:
        """Return once the lock that was seen is nobody's, or changed hands; else raise."""
        holder = parse(seen)
        ended = has_ended(holder, self._mine) if holder else None
        if ended:
            return
        if holder and ended is False:
            raise RunningElsewhere(self._folder, holder)
        self._notice(
            f"{self._folder} is locked by {_described(holder)}: waiting {self._patience:g} s"
            " to see whether its heartbeat stands still"
        )
        start = self._clock()
        while self._clock() - start < self._patience:
            self._sleep(min(1.0, self._patience / 10))
            now = self._read()
            if now != seen:
                latest = parse(now or b"")
                if holder and latest and latest.token == holder.token:
                    raise RunningElsewhere(self._folder, holder)
                return

    def _replace(self, seen: bytes | None) -> bool:
        """Write this process's lock if the file still is what was judged."""
        with exclusively(self._guard):
            if self._read() != seen:
                return False
            write_atomically(self._file, self._mine.to_bytes())
            return True

    def _beat(self) -> None:
        while not self._released.wait(self._interval):
            try:
                with exclusively(self._guard):
                    if not self.is_mine():
                        self.lost = True
                        return
                    self._mine = replace(self._mine, beats=self._mine.beats + 1)
                    write_atomically(self._file, self._mine.to_bytes())
            except FileNotFoundError:  # the folder is gone
                self.lost = True
                return
            except OSError:  # a full disk, say: tried again at the next beat
                continue

    def _read(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None


def _described(holder: Holder | None) -> str:
    return holder.described if holder else "an unknown process (lock.json is not whole)"
