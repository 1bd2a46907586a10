"""Counter-based random numbers: the same integers on every device, without state.

The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014), applied once a key.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """A 64-bit pattern as the int64 that torch stores."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _shifted(x: Tensor, bits: int) -> Tensor:
    """x XOR (x >> bits), with the logical shift that int64 lacks."""
    return x ^ ((x >> bits) & ((1 << (64 - bits)) - 1))


def mix(x: Tensor) -> Tensor:
    """SplitMix64's finaliser, element by element, on int64 (products wrap around)."""
    x = _shifted(x + _signed(_GOLDEN), 30) * _signed(0xBF58476D1CE4E5B9)
    x = _shifted(x, 27) * _signed(0x94D049BB133111EB)
    return _shifted(x, 31)


def mix_number(x: int) -> int:
    """`mix` of one Python integer, as an unsigned 64-bit integer."""
    x = (x + _GOLDEN) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def derive(*keys: int | str) -> int:
    """One 63-bit seed from several keys; strings enter by their CRC-32."""
    seed = 0
    for key in keys:
        number = zlib.crc32(key.encode()) if isinstance(key, str) else key
        seed = mix_number(seed ^ (number & _MASK))
    return seed >> 1


def uniform(*keys: int | str) -> float:
    """One number in [0, 1) from several keys, a multiple of 2**-53."""
    return (derive(*keys) >> 10) * 2.0**-53


def bits(seed: int, counters: Tensor) -> Tensor:
    """64 random bits for each counter of an int64 tensor, as int64 of the same shape."""
    key = _signed(seed)
    return mix(mix(counters ^ key) + key)


def permutation(seed: int, num: int, device: torch.device) -> Tensor:
    """A permutation of 0..num-1 (int64), the order of hashed counters: alike on every device."""
    return torch.argsort(bits(seed, torch.arange(num, device=device)), stable=True)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's own generators, which dropout draws from: the CPU's and the device's.

    Not torch.manual_seed: without an initialised CUDA that formats a stack trace at every call.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def generator_state(device: torch.device) -> Tensor:
    """Of the generator that dropout on a device draws from; `set_generator_state` goes back."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def set_generator_state(device: torch.device, state: Tensor) -> None:
    """Let dropout on a device draw what it drew after `generator_state`."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)


class CounterDraws:
    """Draws of a minibatch whose examples have the given draw numbers (B,) in a data order.

    Without indices and passes each example is a row of its own, and the pass is the first.
    """

    def __init__(
        self,
        seed: int,
        numbers: Tensor,
        *,
        indices: Tensor | None = None,
        passes: Tensor | None = None,
    ) -> None:
        self._seed, self._numbers = seed, numbers
        self.indices = numbers if indices is None else indices  # (B,) int64
        self.passes = torch.zeros_like(numbers) if passes is None else passes  # (B,) int64

    def by_row(self) -> CounterDraws:
        """Draws that belong to the row of the data set: the same at every pass."""
        return CounterDraws(self._seed, self.indices, indices=self.indices, passes=self.passes)

    def _bits(self, name: str, num: int) -> Tensor:
        index = torch.arange(num, device=self._numbers.device)
        counters = self._numbers[:, None] * 1024 + index  # (B, num)
        return (bits(derive(self._seed, name), counters) >> 40) & 0xFFFFFF  # 24 bits

    def uniform(self, name: str, num: int = 1) -> Tensor:
        """(B, num) float32 in [0, 1), multiples of 2**-24, which float32 holds exactly."""
        return self._bits(name, num).to(torch.float32) * 2.0**-24

    def integers(self, name: str, high: int, num: int = 1) -> Tensor:
        """(B, num) int64 in [0, high); high is at most 2**24."""
        return (self._bits(name, num) * high) >> 24
