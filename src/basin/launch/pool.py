"""Processes over the slots of one machine: each slot has one at a time, and the next at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from basin.launch.place import VARIABLES
from basin.launch.signals import Interrupt

LOOK_SECONDS = 0.1
"""Between two looks at the processes."""


@dataclass(frozen=True)
class Slot:
    """Room for one process. `variables` of its environment give it its device and threads."""

    name: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """One process; what it prints is appended to `log`."""

    command: Sequence[str]
    variables: Mapping[str, str]
    log: Path


@dataclass(frozen=True)
class Events:
    """Who is told what happens, by the number of the task."""

    started: Callable[[int, Slot], None]
    ended: Callable[[int, int], None]  # with the exit code, negative for a signal
    tick: Callable[[], None]  # at every look


class Pool:
    """Runs tasks in order. A signal is handed on to all processes, and none starts after it."""

    def __init__(self, slots: Sequence[Slot], events: Events) -> None:
        self._free, self._events = list(slots), events
        self._running: dict[int, tuple[subprocess.Popen[bytes], Slot]] = {}
        self._signals = 0  # how many were handed on

    def run(self, tasks: Sequence[Task], interrupt: Interrupt) -> None:
        """Until every process has ended; KeyboardInterrupt, which they get too, after that."""
        waiting = deque(enumerate(tasks))
        while self._running or (waiting and not interrupt.requested):
            try:
                while self._free and waiting and not interrupt.requested:
                    self._start(*waiting.popleft())
                self._hand_on(interrupt)
                time.sleep(LOOK_SECONDS)
                self._reap()
                self._events.tick()
            except KeyboardInterrupt:  # a second Ctrl-C
                self._send(signal.SIGINT)
                for process, _ in self._running.values():
                    process.wait()
                raise

    def _start(self, number: int, task: Task) -> None:
        slot = self._free.pop(0)
        own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        task.log.parent.mkdir(parents=True, exist_ok=True)
        with task.log.open("ab") as log:
            process = subprocess.Popen(
                task.command,
                env={**own, **slot.variables, **task.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C comes through us, once
            )
        self._running[number] = process, slot
        self._events.started(number, slot)

    def _reap(self) -> None:
        for number, (process, slot) in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[number]
                self._free.append(slot)
                self._events.ended(number, code)

    def _hand_on(self, interrupt: Interrupt) -> None:
        for number in interrupt.signals[self._signals :]:
            self._send(number)
            self._signals += 1

    def _send(self, number: int) -> None:
        for process, _ in self._running.values():
            process.send_signal(number)
