"""Random numbers for training: dropout from a generator that is passed in, never from torch's global one.

On a CPU torch draws dropout's numbers one at a time, which took a fifth of a step; one byte per place from NumPy is
many times faster. A byte resolves multiples of 1/256. A rate close enough to one (`NEAR`) is rounded to it; for other
rates, the places whose byte lies on the boundary, one in 256, are decided by a finer number, so that the rate is exact.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

NEAR = 0.02
"""How far a multiple of 1/256 may differ from the rate, as a share of the rate and of 1 minus the rate."""


class Noise:
    """The randomness of one epoch: the same seed and device give the same numbers."""

    def __init__(self, seed: tuple[int, ...], device: torch.device, input_noise: float = 0.0) -> None:
        """Start from a seed of any length; `input_noise` is what `jitter` adds."""
        self.rng = np.random.default_rng(seed)
        self.input_noise = input_noise
        self.device = device
        self._generator = None
        if device.type != "cpu":
            self._generator = torch.Generator(device).manual_seed(int(self.rng.integers(2**62)))

    def mask(self, shape: torch.Size | tuple[int, ...], share: float) -> Tensor:
        """Bool tensor, True at a random `share` of places."""
        if self._generator is not None:
            return torch.rand(shape, device=self.device, generator=self._generator) < share
        places, rest = _places(share)
        drawn = self._bytes(shape)
        if places == 256:
            return torch.ones_like(drawn, dtype=torch.bool)
        chosen = drawn < places
        if rest:
            edge = (drawn == places).view(-1).nonzero().view(-1)
            chosen.view(-1)[edge] = torch.from_numpy(self.rng.random(len(edge)) < rest)
        return chosen

    def _bytes(self, shape: torch.Size | tuple[int, ...]) -> Tensor:
        """(...) uint8 numbers, uniformly distributed."""
        return torch.frombuffer(bytearray(self.rng.bytes(int(np.prod(shape)))), dtype=torch.uint8).view(shape)

    def absences(self, rows: int, length: int, share: float) -> Tensor:
        """(rows, length) bool: a random `share` of rows has a random part, from none to all, of its places True."""
        hidden = self.rng.random((rows, length)) < self.rng.random((rows, 1))
        return torch.from_numpy(hidden & (self.rng.random((rows, 1)) < share)).to(self.device)

    def dropout(self, x: Tensor, share: float) -> Tensor:
        """x with a random `share` of places zero and the rest scaled up to keep the mean (Srivastava 2014)."""
        if share == 0:
            return x
        kept = self.mask(x.shape, share).logical_not_()
        if self._generator is None:
            places, rest = _places(share)
            share = share if rest else places / 256
        return x * kept.to(x.dtype).mul_(1 / (1 - share))

    def jitter(self, x: Tensor) -> Tensor:
        """(..., D) x with a Gaussian vector added to each, whose expected square is `input_noise`² times its own."""
        if self.input_noise == 0:
            return x
        if self._generator is not None:
            drawn = torch.randn(x.shape, device=self.device, generator=self._generator)
        else:
            drawn = torch.from_numpy(self.rng.standard_normal(x.shape, dtype=np.float32))
        return x + drawn * (x.detach().norm(dim=-1, keepdim=True) * (self.input_noise / math.sqrt(x.shape[-1])))


def _places(share: float) -> tuple[int, float]:
    """How many of the 256 bytes lie below a rate, and the share of the next that does too; 0 where bytes suffice."""
    near = round(share * 256)
    if abs(near / 256 - share) <= NEAR * min(share, 1 - share):
        return near, 0.0
    whole = math.floor(share * 256)
    return whole, share * 256 - whole


def drop(x: Tensor, share: float, noise: Noise | None) -> Tensor:
    """Dropout while training; x itself when there is no noise."""
    return x if noise is None else noise.dropout(x, share)
