"""Examples that stay in their files and are decoded ahead of use by worker processes."""

from __future__ import annotations

import copy
import signal
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Draws, Request
from basin.dataset.decoding import NUM_DRAWS, Decoder
from basin.dataset.file_table import FileTable

ON_CORRUPT = ("error", "skip")

Pixels = tuple[Tensor, Tensor, list[str]]
"""Images (B, H, W, 3) uint8, labels (B,), and what could not be decoded."""


class Files:
    """What a worker process needs: torch's map-style data set over rows of a table."""

    def __init__(
        self, table: FileTable, rows: Tensor, labels: Tensor, decoder: Decoder, *, skip: bool
    ) -> None:
        self.table, self.rows, self.labels = table, rows, labels
        self._decoder, self._skip = decoder, skip

    def __getitems__(self, request: tuple[Tensor, Tensor | None]) -> Pixels:
        """One minibatch: places (B,) in this part, and the uniform numbers of each one's crop."""
        places, uniforms = request
        images, labels, corrupt = [], [], []
        for i, place in enumerate(places.tolist()):
            for following in range(len(self.rows)):
                at = (place + following) % len(self.rows)
                path = self.table.path(int(self.rows[at]))
                try:
                    image = self._decoder(path, None if uniforms is None else uniforms[i])
                    break
                except (OSError, ValueError, SyntaxError) as error:  # as PIL's readers raise
                    corrupt.append(f"{path} cannot be decoded: {error}")
                    if not self._skip:
                        return torch.empty(0), torch.empty(0), corrupt
            else:
                return torch.empty(0), torch.empty(0), corrupt
            images.append(image)
            labels.append(int(self.labels[at]))
        return torch.stack(images), torch.tensor(labels), corrupt


class Decoded:
    """A part of a folder of images. Labels are on the CPU, images arrive on the run's device.

    A file that cannot be decoded is an error, or with `on_corrupt` skip its place in the minibatch
    is taken by the next file of its part, label and all; `skipped` says which.
    """

    def __init__(
        self, table: FileTable, rows: Tensor, decoder: Decoder, *, workers: int, on_corrupt: str
    ) -> None:
        self.labels = table.labels[rows]
        self.skipped: Collection[str] = ()
        self._files = Files(table, rows, self.labels, decoder, skip=on_corrupt == "skip")
        self._workers, self._device = workers, torch.device("cpu")

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: Any) -> Decoded:
        """The same files, whose images go to a device."""
        moved = copy.copy(self)
        moved._device = torch.device(device)
        return moved

    def relabelled(self, labels: Tensor) -> Decoded:
        """The same files with other labels (N,)."""
        changed = copy.copy(self)
        changed.labels, changed._files = labels, copy.copy(self._files)
        changed._files.labels = labels
        return changed

    def fetch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) uint8, channels_last, and labels (B,), decoded here and now."""
        return self._placed(self._files.__getitems__(_task((indices, draws))))

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[Tensor, Tensor]]:
        """`fetch` of each request, by worker processes that are two minibatches each ahead."""
        if not self._workers:
            yield from (self.fetch(*request) for request in requests)
            return
        self._files.table.share_()
        self._files.labels.share_memory_()
        loader: Any = torch.utils.data.DataLoader(
            self._files,  # type: ignore[arg-type]  # it has only __getitems__
            batch_sampler=map(_task, requests),  # type: ignore[arg-type]  # whatever is iterable
            num_workers=self._workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # it gets what __getitems__ gave
            pin_memory=self._device.type == "cuda",
            worker_init_fn=_leave_signals_to_the_run,
            multiprocessing_context="forkserver",
        )
        for pixels in loader:
            yield self._placed(pixels)

    def _placed(self, pixels: Pixels) -> tuple[Tensor, Tensor]:
        images, labels, corrupt = pixels
        if corrupt and not len(images):
            raise ValueError(f"{corrupt[0]}; replace it, or pass dataset.on_corrupt=skip")
        for problem in corrupt:
            if problem not in self.skipped:
                self.skipped = {*self.skipped, problem}
                print(f"skipped: {problem}", file=sys.stderr, flush=True)
        moved = images.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        return moved, labels.to(self._device, non_blocking=True)


def _task(request: Request) -> tuple[Tensor, Tensor | None]:
    indices, draws = request
    return indices, None if draws is None else draws.uniform("box", NUM_DRAWS)


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches the whole process group; the run stops its workers when it has stopped."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
