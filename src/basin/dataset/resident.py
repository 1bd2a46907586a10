"""Examples that live on one device."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from basin.core.protocols import Draws, Request


class Resident:
    """Images (N, C, H, W), stored as N H W C, and labels (N,) int64, in one memory.

    Images are uint8, or float32 that are normalised already.
    """

    skipped: Collection[str] = ()

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        if images.dtype not in (torch.uint8, torch.float32) or images.ndim != 4:
            raise ValueError(
                f"images are {images.dtype} {tuple(images.shape)}; they must be uint8, or float32"
                " that is normalised, (N, C, H, W)"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"labels are {labels.dtype} {tuple(labels.shape)}; they must be int64, one for each"
                f" of the {len(images)} images"
            )
        self._rows = images.permute(0, 2, 3, 1).contiguous()  # (N, H, W, C)
        self.labels = labels

    @property
    def images(self) -> Tensor:
        """All images (N, C, H, W), channels_last."""
        return self._rows.permute(0, 3, 1, 2)

    def __len__(self) -> int:
        return len(self.labels)

    def fetch(self, indices: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W), channels_last, and labels (B,), of rows on this device."""
        images = self._rows.index_select(0, indices).permute(0, 3, 1, 2)
        return images, self.labels.index_select(0, indices)

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[Tensor, Tensor]]:
        """`fetch` of each request."""
        for indices, draws in requests:
            yield self.fetch(indices, draws)

    def to(self, device: Any) -> Resident:
        """The same examples on a device."""
        return Resident(self.images.to(device), self.labels.to(device))

    def relabelled(self, labels: Tensor) -> Resident:
        """The same images with other labels (N,)."""
        changed = copy.copy(self)
        changed.labels = labels
        return changed

    def subset(self, indices: Tensor) -> Resident:
        """The examples of those rows, in that order."""
        return Resident(*self.fetch(indices))
