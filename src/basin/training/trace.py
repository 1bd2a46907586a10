"""torch.profiler around a few updates of any run (runtime.profile=true)."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from basin.core.protocols import TrainState
from basin.training.loop import Surroundings

WAIT, WARM_UP, ACTIVE = 5, 2, 5
"""Updates: left out (kernels are chosen, caches filled), profiled and dropped, written."""
FILE = "trace.json.gz"


class Traced:
    """training.loop.Surroundings that go with a profiler; one trace a stage, of the first rank.

    The file in `folder` opens in Perfetto or chrome://tracing. Nothing is written where the stage
    ends before WAIT + WARM_UP updates; a process that goes on with a run writes its own over it.
    """

    def __init__(self, around: Surroundings, folder: Path, device: torch.device) -> None:
        self._around, self._folder = around, folder
        activities = [ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self.check, self.report = around.check, around.report
        self.restart, self.save, self.begin = around.restart, around.save, around.begin
        self._profiler = profile(
            activities=activities,
            schedule=schedule(skip_first=WAIT, wait=0, warmup=WARM_UP, active=ACTIVE, repeat=1),
            on_trace_ready=self._write,
        )

    def __enter__(self) -> Self:
        self._profiler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._profiler.stop()

    def _write(self, done: profile) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)  # a stage has its own, once it has files
        done.export_chrome_trace(str(self._folder / FILE))

    def end(self, state: TrainState) -> None:
        """See Surroundings; an update of the profiler's schedule."""
        self._around.end(state)
        self._profiler.step()
