"""Signals that ask a run to stop, as a flag that the loop reads at its next step boundary."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


class Interrupt:
    """Notes signals inside `with`; a second SIGINT is a KeyboardInterrupt at once.

    Outside of the main thread, where Python takes no signals, it never asks for anything.
    """

    def __init__(self) -> None:
        self.signals: list[int] = []  # in order of arrival
        self._previous: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether the run should write a checkpoint and stop."""
        return bool(self.signals)

    @property
    def signal(self) -> int | None:
        """The first signal that came."""
        return self.signals[0] if self.signals else None

    def __enter__(self) -> Interrupt:
        """Install the handlers, keeping those that were there."""
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        """Put the previous handlers back; one that Python does not know becomes the default."""
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def resignal(self) -> int:
        """After the checkpoint: call what else waited for the signals; the exit code, 128 + signal.

        submitit's handlers requeue the job, and may leave by SystemExit. All that came are called:
        SLURM sends a SIGTERM, which submitit passes over, beside the signal that it requeues on.
        """
        if not self.signals:
            raise RuntimeError("resignal() without a signal: read `requested` first")
        for number in self.signals:
            handler = self._previous[number]
            if callable(handler) and handler is not signal.default_int_handler:
                handler(number, None)
        return 128 + self.signals[0]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in self.signals:
            raise KeyboardInterrupt
        if number not in self.signals:
            self.signals.append(number)
            again = "; Ctrl-C again leaves at once" if number == signal.SIGINT else ""
            text = f"\n{signal.Signals(number).name}: stopping after this update{again}\n"
            os.write(2, text.encode())  # print is not safe inside a handler
