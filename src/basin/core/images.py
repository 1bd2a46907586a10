"""From uint8 pixels to the normalised floats of a model."""

from __future__ import annotations

import torch
from torch import Tensor


class Normalise:
    """(x / 255 - mean) / std, computed as x scale + shift; mean and std (C,) of pixels in [0, 1].

    Floats are no pixels and pass through unchanged, in the dtype and layout of the run.
    Arithmetic is float32 (float64 where that is asked for) and rounded once to a shorter dtype.
    """

    def __init__(
        self, mean: Tensor, std: Tensor, *, width: int, dtype: torch.dtype, channels_last: bool
    ) -> None:
        self._dtype = dtype
        self._work = torch.promote_types(dtype, torch.float32)
        self._channels_last = channels_last
        exact_mean, exact_std = mean.cpu().double(), std.cpu().double()  # mps has no float64
        scale, shift = 1 / (255 * exact_std), -exact_mean / exact_std
        both = [v.to(device=mean.device, dtype=self._work) for v in (scale, shift)]
        if channels_last:  # rows of W C numbers: the broadcast dimension is long enough for SIMD
            self._scale, self._shift = (v.repeat(width) for v in both)
        else:
            self._scale, self._shift = (v[:, None, None] for v in both)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) uint8 or float -> floats, channels_last or contiguous."""
        if images.is_floating_point():
            layout = torch.channels_last if self._channels_last else torch.contiguous_format
            return images.to(self._dtype, memory_format=layout)
        if not self._channels_last:
            plain = images.to(self._work, copy=True, memory_format=torch.contiguous_format)
            return plain.mul_(self._scale).add_(self._shift).to(self._dtype)
        size, channels, height, width = images.shape
        last = images.permute(0, 2, 3, 1).contiguous()
        rows = last.view(size * height, width * channels).to(self._work, copy=True)
        rows.mul_(self._scale).add_(self._shift)
        return rows.to(self._dtype).view(size, height, width, channels).permute(0, 3, 1, 2)
