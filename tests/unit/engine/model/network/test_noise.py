"""Dropout's numbers: of the rate that was asked for, the same from the same seed, and drawn as they always were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.model.network.noise import NEAR, Noise

SHAPE = (500, 2000)
CPU = torch.device("cpu")


def _share(rate: float) -> float:
    return float(Noise((5,), CPU).mask(SHAPE, rate).float().mean())


@pytest.mark.parametrize("rate", [1e-6, 0.0005, 0.001, 0.003, 0.01, 0.1, 0.2, 0.33, 0.5, 0.7, 0.99, 0.998, 0.999])
def test_the_rate_is_the_one_asked_for(rate: float) -> None:
    n = SHAPE[0] * SHAPE[1]
    spread = 5 * (rate * (1 - rate) / n) ** 0.5
    assert abs(_share(rate) - rate) <= spread + NEAR * min(rate, 1 - rate), rate
    assert 0 < _share(max(rate, 1e-4)) < 1


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.4, 0.998, 0.999, np.nextafter(1, 0)])
def test_the_mean_stays(rate: float) -> None:
    dropped = Noise((6,), CPU).dropout(torch.ones(SHAPE), rate)
    assert torch.isfinite(dropped).all()
    kept = dropped[dropped > 0]
    if rate < 0.9999:
        assert float(dropped.mean()) == pytest.approx(1, abs=6 * (rate / (1 - rate) / dropped.numel()) ** 0.5)
        assert float(kept[0]) == pytest.approx(1 / (1 - rate), rel=2 * NEAR)


def test_all_and_nothing() -> None:
    assert _share(1.0) == 1
    assert _share(0.0) == 0
    x = torch.ones(3)
    assert Noise((1,), CPU).dropout(x, 0) is x


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.25, 0.3, 0.4, 0.5])
def test_usual_rates_draw_the_numbers_that_they_always_drew(rate: float) -> None:
    """A training of an earlier version is repeated bit by bit: one byte a place, against the nearest 256th."""
    noise, rng = Noise((9, 3), CPU), np.random.default_rng((9, 3))
    for shape in ((7, 5), (64, 33)):
        places = round(rate * 256)
        drawn = np.frombuffer(rng.bytes(int(np.prod(shape))), dtype=np.uint8).reshape(shape)
        expected = torch.from_numpy((drawn >= places).astype(np.float32)) / (1 - places / 256)
        assert torch.allclose(noise.dropout(torch.ones(shape), rate), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("rate", [0.001, 0.3, 0.998])
def test_the_same_seed_gives_the_same_numbers(rate: float) -> None:
    one, two, other = (Noise((seed,), CPU).mask((40, 50), rate) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
