"""Stochastic gates whose backward coefficients can be coupled to the forward ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


class Gate(nn.Module):
    """A layer with its own coefficients in backward (Shake-Shake, ShakeDrop), unless `coupled`."""

    coupled: bool = False


@contextmanager
def coupled(gates: Sequence[Gate]) -> Iterator[None]:
    """Forward passes inside use the forward coefficients in backward too."""
    for gate in gates:
        gate.coupled = True
    try:
        yield
    finally:
        for gate in gates:
            gate.coupled = False
