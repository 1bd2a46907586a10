"""The cropped street-view house numbers (Netzer et al. 2011), from the authors' files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from basin.dataset.facts import Facts
from basin.dataset.published_files import PublishedFiles
from basin.dataset.resident import Resident
from basin.dataset.resident_set import PublishedSet

SIZES = {"train": 73_257, "test": 26_032, "extra": 531_131}


@dataclass(frozen=True, kw_only=True)
class Svhn(PublishedSet):
    """Digits 0 to 9, 32 x 32 in colour; `extra` trains on the 531,131 easier images too.

    Each file is put into its place in one table as it is read, so that all three parts need
    the memory of their pixels and of the largest file, about 4 GB.
    """

    extra: bool

    sizes: ClassVar[dict[str, int]] = SIZES
    published: ClassVar[PublishedFiles] = PublishedFiles(
        site="http://ufldl.stanford.edu/housenumbers/",
        folder="svhn",
        files={
            "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
            "extra_32x32.mat": "a93ce644f1a588dc4d68dda5feec44a7",
        },
    )

    @cached_property
    def facts(self) -> Facts:  # type: ignore[override]
        """Of the training part with or without the extra images."""
        train = self.sizes["train"] + (self.sizes["extra"] if self.extra else 0)
        return Facts(train=train, test=self.sizes["test"], num_classes=10, shape=(3, 32, 32))

    def _whole(self) -> tuple[Resident, Resident, tuple[str, ...]]:
        train = self._part("train", "extra") if self.extra else self._part("train")
        return train, self._part("test"), tuple("0123456789")

    def _part(self, *names: str) -> Resident:
        num = sum(self.sizes[name] for name in names)
        table = torch.empty(num, 32, 32, 3, dtype=torch.uint8)
        labels = torch.empty(num, dtype=torch.int64)
        start = 0
        for name in names:
            stop = start + self.sizes[name]
            self._read(f"{name}_32x32.mat", table[start:stop], labels[start:stop])
            start = stop
        return Resident(table.permute(0, 3, 1, 2), labels)

    def _read(self, name: str, table: Tensor, labels: Tensor) -> None:
        """X (32, 32, 3, N) and y (N, 1), 1 to 10, where 10 is the digit 0, into their places."""
        from scipy.io import loadmat  # half a second to import, so only where it is used

        path = self.published.check(name, root=self.root, mirror=self.mirror)
        try:
            arrays = loadmat(path, appendmat=False)
            pixels, numbers = arrays["X"], arrays["y"].reshape(-1)
        except Exception as error:  # scipy raises nearly anything for a damaged file
            raise ValueError(f"{name} is no MATLAB file with X and y: {error}") from None
        if pixels.shape != (32, 32, 3, len(table)) or pixels.dtype.name != "uint8":
            raise ValueError(
                f"{name}: X is {pixels.dtype} {pixels.shape}, expected uint8 (32, 32, 3,"
                f" {len(table)})"
            )
        if numbers.shape != (len(table),) or not ((numbers >= 1) & (numbers <= 10)).all():
            raise ValueError(f"{name}: y must hold {len(table)} labels from 1 to 10")
        table.copy_(torch.from_numpy(pixels).permute(3, 0, 1, 2))
        labels.copy_(torch.from_numpy(numbers.astype("int64")) % 10)
