"""Names for the parts of a step in a profiler's trace."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import torch

PARTS = ("input", "forward", "backward", "update")
"""`update` is the whole of `optimizer.step`, with the passes that it asks for inside."""


def part(name: str) -> AbstractContextManager[Any]:
    """A range of that name where a profiler is on; nothing, at no cost, where none is."""
    if torch.autograd._profiler_enabled():
        return torch.profiler.record_function(f"basin.{name}")
    return contextlib.nullcontext()
