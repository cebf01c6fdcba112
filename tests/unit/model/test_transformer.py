"""What the network promises: no look ahead, no effect of padding, attentions that add up and change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.model.noise import Noise
from engine.model.transformer import Shape, Transformer, blank

N_ITEMS, MAX_LEN = 30, 12


def make(output: str = "cosine", n_layers: int = 2, seed: int = 0) -> Transformer:
    network = blank(Shape(N_ITEMS, MAX_LEN, 16, n_layers, 4, 32, 0.2, output, 0.1))  # pyright: ignore[reportArgumentType]
    network.initialise(torch.Generator().manual_seed(seed))
    with torch.no_grad():  # larger weights than at the start, so that attention is far from even and errors show
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
    return network


NETWORKS = [make("cosine"), make("dot", n_layers=1, seed=1)]


def rows(data: st.DataObject, n: int, length: int) -> Tensor:
    flat = data.draw(st.lists(st.integers(1, N_ITEMS), min_size=n * length, max_size=n * length))
    return torch.tensor(flat).view(n, length)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(2, MAX_LEN))
def test_a_later_event_leaves_earlier_hidden_states_alone(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 2, length)
    at = data.draw(st.integers(1, length - 1))
    changed = items.clone()
    changed[:, at:] = changed[:, at:] % N_ITEMS + 1
    before, after = network(items).hidden, network(changed).hidden
    torch.testing.assert_close(before[:, :at], after[:, :at], rtol=0, atol=1e-5)
    assert not torch.allclose(before[:, at], after[:, at], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(1, MAX_LEN - 1))
def test_padding_changes_no_hidden_state(data: st.DataObject, network: Transformer, length: int) -> None:
    items = rows(data, 2, length)
    padded = torch.nn.functional.pad(items, (0, data.draw(st.integers(1, MAX_LEN - length))))
    torch.testing.assert_close(network(items).hidden, network(padded).hidden[:, :length], rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(1, MAX_LEN))
def test_attention_rows_sum_to_one_with_nothing_on_the_future_or_the_absent(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 2, length)
    absent = torch.tensor(data.draw(st.lists(st.booleans(), min_size=2 * length, max_size=2 * length))).view(2, length)
    attentions = network(items, absent, attentions=True).attentions
    assert attentions is not None
    assert attentions.shape == (network.shape.n_layers, 2, 4, length, length)
    torch.testing.assert_close(attentions.sum(-1), torch.ones(attentions.shape[:-1]), rtol=0, atol=1e-5)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    assert attentions[..., future].abs().sum() == 0
    others = ~torch.eye(length, dtype=torch.bool)
    hidden_keys = absent[None, :, None, None, :] & others
    assert attentions.masked_select(hidden_keys.expand_as(attentions)).abs().sum() == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_hidden_states_are_identical_with_and_without_attentions(network: Transformer) -> None:
    items = torch.randint(1, N_ITEMS + 1, (3, 7), generator=torch.Generator().manual_seed(2))
    assert torch.equal(network(items).hidden, network(items, attentions=True).hidden)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(2, MAX_LEN))
def test_an_absent_event_is_forgotten_and_keeps_its_place(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 1, length)
    at = data.draw(st.integers(0, length - 2))
    absent = torch.zeros(1, length, dtype=torch.bool)
    absent[0, at] = True
    other = items.clone()
    other[0, at] = other[0, at] % N_ITEMS + 1
    hidden = network(items, absent).hidden
    torch.testing.assert_close(hidden, network(other, absent).hidden, rtol=0, atol=0)
    torch.testing.assert_close(hidden[:, :at], network(items).hidden[:, :at], rtol=0, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_logits_of_pairs_chosen_and_all_items_agree(network: Transformer) -> None:
    hidden = torch.randn(5, 16, generator=torch.Generator().manual_seed(3))
    items = torch.tensor([4, 1, 30, 7, 7])
    everything = network.logits(hidden)
    torch.testing.assert_close(network.logits(hidden, items), everything[:, items])
    torch.testing.assert_close(network.logits_of_pairs(hidden, items), everything.gather(1, items[:, None])[:, 0])


def test_cosine_logits_stay_within_one_over_the_temperature() -> None:
    logits = make("cosine").logits(100 * torch.randn(50, 16, generator=torch.Generator().manual_seed(4)))
    assert logits.abs().max() <= 1 / 0.1 + 1e-4
    assert logits.abs().max() > 5


def test_noise_drops_only_when_it_is_given_and_repeats_with_its_seed() -> None:
    network = NETWORKS[0]
    items = torch.randint(1, N_ITEMS + 1, (3, 7), generator=torch.Generator().manual_seed(5))

    def noisy(seed: int) -> Tensor:
        return network(items, noise=Noise((seed, 1), torch.device("cpu"))).hidden

    assert torch.equal(network(items).hidden, network(items).hidden)
    assert torch.equal(noisy(1), noisy(1))
    assert not torch.allclose(noisy(1), noisy(2))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_dropout_keeps_the_mean_and_drops_the_share_asked_for(share: float) -> None:
    dropped = Noise((7,), torch.device("cpu")).dropout(torch.ones(400, 1000), share)
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.004)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)


def test_initial_weights_come_from_the_seed_alone() -> None:
    np.testing.assert_array_equal(
        make(seed=3).item_vectors.own.weight.detach(), make(seed=3).item_vectors.own.weight.detach()
    )
    assert not torch.equal(make(seed=3).item_vectors.own.weight, make(seed=4).item_vectors.own.weight)
    assert float(make(seed=3).item_vectors.own.weight[0].detach().abs().sum()) == 0
