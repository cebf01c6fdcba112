"""Rows that catch up late end where dense AdamW and a dense running average would have left them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.model.training import loop
from engine.model.training.lazy_adamw import LazyAdamW
from engine.model.training.loop import Checkpoint, train
from tests.unit.engine.model.training.test_loop import cycles, settings

BETAS = (0.9, 0.98)
N, D = 40, 6


def gradients(n_steps: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Rows touched in each step and their gradients: two popular rows nearly always, others now and then."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n_steps):
        touched = rng.random(N) < np.where(np.arange(N) < 2, 0.9, 0.08)
        rows = torch.from_numpy(np.flatnonzero(touched))
        out.append((rows, torch.from_numpy(rng.normal(0.3, 1, (len(rows), D)).astype(np.float32))))
    return out


def kept_in(step: int) -> float:
    return min(0.99, (step + 1) / (step + 10))


def dense(start: Tensor, given: list[tuple[Tensor, Tensor]], decay: float) -> tuple[Tensor, Tensor, Tensor]:
    """The table after all steps, its average and its first moments."""
    weights = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.AdamW([weights], lr=0.01, betas=BETAS, weight_decay=decay)
    average = start.clone()
    for step, (rows, gradient) in enumerate(given):
        weights.grad = torch.zeros_like(weights)
        weights.grad[rows] = gradient
        optimiser.step()
        average.lerp_(weights.detach(), 1 - kept_in(step))
    return weights.detach(), average, optimiser.state[weights]["exp_avg"]


def late(start: Tensor, given: list[tuple[Tensor, Tensor]], decay: float, pause: int | None = None) -> LazyAdamW:
    rows_of = LazyAdamW(start.clone(), start.clone(), BETAS, decay)
    for step, (touched, gradient) in enumerate(given):
        taken = rows_of.take(touched)
        taken.values.grad = torch.zeros_like(taken.values)
        taken.values.grad[taken.places[touched]] = gradient
        rows_of.step(taken, 0.01, kept_in(step))
        if step == pause:
            rows_of.finish()
    rows_of.finish()
    return rows_of


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_it_ends_where_dense_adamw_does(decay: float) -> None:
    start = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
    given = gradients(400)
    weights, average, moment = dense(start, given, decay)
    found = late(start, given, decay)
    way = (weights - start).abs().mean()  # how far a number moved
    assert way > 0.2
    assert (found.table - weights).abs().mean() < (0.02 if decay else 1e-5) * way  # this decay is far above the usual
    assert (found.table - weights).abs().max() < (0.1 if decay else 1e-4) * way
    assert found.average is not None
    assert (found.average - average).abs().mean() < 0.02 * (average - start).abs().mean()
    torch.testing.assert_close(found.m, moment, atol=1e-6, rtol=1e-4)


def test_a_row_that_is_read_is_up_to_date_before_it_is_used() -> None:
    start = torch.ones(N, D)
    rows_of = LazyAdamW(start.clone(), None, BETAS, decay=0.5)
    for _ in range(100):
        taken = rows_of.take(torch.tensor([3]))
        taken.values.grad = torch.zeros_like(taken.values)
        rows_of.step(taken, 0.01, 1.0)
    assert rows_of.table[7].eq(1).all()  # nobody asked
    found = rows_of.take(torch.tensor([7])).values[1].detach()
    torch.testing.assert_close(found, torch.full((D,), (1 - 0.005) ** 100))
    torch.testing.assert_close(rows_of.table[3], found, rtol=1e-5, atol=0)


def test_the_momentum_of_a_single_touch_runs_out_as_dense() -> None:
    start = torch.zeros(N, D)
    given = [(torch.tensor([5]), torch.ones(1, D))] + [(torch.tensor([8]), torch.ones(1, D))] * 200
    given = [*gradients(300), *given]  # bias corrections have settled
    weights, _, _ = dense(start, given, 0.0)
    torch.testing.assert_close(late(start, given, 0.0).table[5], weights[5], rtol=0.01, atol=2e-4)


def test_finishing_on_the_way_changes_next_to_nothing() -> None:
    start = torch.randn(N, D, generator=torch.Generator().manual_seed(1))
    given = gradients(200, seed=1)
    torch.testing.assert_close(
        late(start, given, 0.1, pause=77).table, late(start, given, 0.1).table, atol=0.01, rtol=0
    )


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("output", ["cosine", "dot"])
def test_training_with_late_rows_goes_as_dense_training_does(
    average: float, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = cycles(n_items=40)
    config = settings(split, loss="sampled", n_negatives=4, average=average, batch_tokens=16, learning_rate=1e-3)
    config = config.replace({"model": {"output": output}})
    usual = train(split, config)
    before = train(split, config.replace({"training": {"max_epochs": 1, "learning_rate": 1e-12}})).network
    monkeypatch.setattr(loop, "LAZY_FROM", 1)
    found = train(split, config)
    a, b, start = (network.item_vectors.own.weight for network in (usual.network, found.network, before))
    assert (a - b).abs().mean() < 0.05 * (a - start).abs().mean()
    assert not torch.equal(a, b)
    assert (b[0] == 0).all()  # padding
    assert found.log[-1].loss == pytest.approx(usual.log[-1].loss, rel=0.02)


@pytest.mark.parametrize("architecture", ["causal", "masked", "encoder-decoder"])
@pytest.mark.parametrize("stop", [1, 3])
def test_resumed_training_with_late_rows_ends_with_the_very_same_weights(
    stop: int, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LAZY_FROM", 1)
    split = cycles(n_items=30)
    config = settings(split, loss="sampled", n_negatives=4, batch_tokens=16, validate_every=2, max_epochs=5)
    config = config.replace({"model": {"architecture": architecture}})
    kept: list[Checkpoint] = []
    whole = train(split, config, save=lambda make: kept.append(make()))
    again = train(split, config, resume=kept[stop - 1])
    assert [(e.loss, e.valid_ndcg) for e in again.log] == [(e.loss, e.valid_ndcg) for e in whole.log]
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name]), name
