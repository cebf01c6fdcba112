"""What the networks promise: no look ahead where there is none, no effect of padding, attentions that add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from engine.model.network.config import Architecture
from engine.model.network.noise import Noise
from engine.model.network.transformer import ModelOutput, NetworkConfig, Transformer, blank

N_ITEMS, MAX_LEN = 30, 12


def make(
    output: str = "cosine", n_layers: int = 2, seed: int = 0, architecture: Architecture = "causal"
) -> Transformer:
    network = blank(NetworkConfig(N_ITEMS, MAX_LEN, 16, n_layers, 4, 32, 0.2, output, 0.1, architecture=architecture))  # pyright: ignore[reportArgumentType]
    network.initialise(torch.Generator().manual_seed(seed))
    with torch.no_grad():  # larger weights than at the start, so that attention is far from even and errors show
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
    return network


CAUSAL = [make("cosine"), make("dot", n_layers=1, seed=1)]
MASKED, ENCODER_DECODER = make(architecture="masked"), make(architecture="encoder-decoder")
NETWORKS = [*CAUSAL, MASKED, ENCODER_DECODER]
names = {"ids": lambda network: f"{network.config.architecture}-{network.config.output}"}


def rows(data: st.DataObject, n: int, length: int) -> Tensor:
    flat = data.draw(st.lists(st.integers(1, N_ITEMS), min_size=n * length, max_size=n * length))
    return torch.tensor(flat, dtype=torch.int64).view(n, length)


def flags(data: st.DataObject, n: int, length: int) -> Tensor:
    return torch.tensor(data.draw(st.lists(st.booleans(), min_size=n * length, max_size=n * length))).view(n, length)


def full(items: Tensor) -> Tensor:
    return torch.full((len(items),), items.shape[1])


def other(items: Tensor) -> Tensor:
    return items % N_ITEMS + 1


@settings(max_examples=40, deadline=None)
@given(data=st.data(), network=st.sampled_from(CAUSAL), length=st.integers(2, MAX_LEN))
def test_a_later_event_leaves_earlier_hidden_states_alone(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 2, length)
    at = data.draw(st.integers(1, length - 1))
    changed = items.clone()
    changed[:, at:] = other(changed[:, at:])
    before, after = network(items).hidden, network(changed).hidden
    torch.testing.assert_close(before[:, :at], after[:, :at], rtol=0, atol=1e-5)
    assert not torch.allclose(before[:, at], after[:, at], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), length=st.integers(2, MAX_LEN), before=st.integers(1, MAX_LEN))
def test_a_decoder_sees_nothing_later_of_its_own(data: st.DataObject, length: int, before: int) -> None:
    items, following = rows(data, 2, before), rows(data, 2, length)
    at = data.draw(st.integers(0, length - 1))
    changed = following.clone()
    changed[:, at:] = other(changed[:, at:])
    first, second = (ENCODER_DECODER(items, following=f).hidden for f in (following, changed))
    assert first.shape == (2, length + 1, 16)
    torch.testing.assert_close(first[:, : at + 1], second[:, : at + 1], rtol=0, atol=1e-5)
    assert not torch.allclose(first[:, at + 1], second[:, at + 1], atol=1e-5)


@pytest.mark.parametrize("network", [MASKED, ENCODER_DECODER], **names)
@pytest.mark.parametrize("changed_place", [0, 5, MAX_LEN - 1])
def test_reading_both_ways_every_place_counts_for_the_next_item(network: Transformer, changed_place: int) -> None:
    """Of many rows, since a head that has made up its mind may leave one event of one row without any weight."""
    generator = torch.Generator().manual_seed(8)
    items = torch.randint(1, N_ITEMS + 1, (64, MAX_LEN), generator=generator)
    changed = items.clone()
    changed[:, changed_place] = other(changed[:, changed_place])
    lengths = torch.full((64,), MAX_LEN)
    first, second = (network.next_item_state(i, lengths, attentions=True) for i in (items, changed))
    moved = (first.hidden - second.hidden).abs().amax(dim=1) > 1e-5
    assert moved.float().mean() > 0.8
    assert first.attentions is not None
    assert (first.attentions[:, :, :, 0, 1:].sum(dim=-1) > 0).any()  # the first place looks at later ones


@settings(max_examples=60, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(0, MAX_LEN - 1))
def test_padding_changes_no_state_and_so_no_score(data: st.DataObject, network: Transformer, length: int) -> None:
    items, is_masked = rows(data, 2, max(length, 1)), flags(data, 2, max(length, 1))
    if length == 0:
        items.zero_()
    more = (0, data.draw(st.integers(1, MAX_LEN - max(length, 1))))
    pad = torch.nn.functional.pad
    lengths = torch.full((2,), length)
    short = network.next_item_state(items, lengths, is_masked).hidden
    assert torch.isfinite(short).all()
    wide = network.next_item_state(pad(items, more), lengths, pad(is_masked, more)).hidden
    torch.testing.assert_close(short, wide, rtol=0, atol=5e-5)
    if network.config.architecture != "encoder-decoder" and length:
        every = network(pad(items, more)).hidden[:, :length]
        torch.testing.assert_close(network(items).hidden, every, rtol=0, atol=5e-5)


@pytest.mark.parametrize("network", NETWORKS, **names)
def test_a_row_scores_the_same_beside_longer_ones(network: Transformer) -> None:
    generator = torch.Generator().manual_seed(4)
    items = torch.randint(1, N_ITEMS + 1, (5, MAX_LEN), generator=generator)
    lengths = torch.tensor([12, 0, 1, 7, 11])
    items[torch.arange(MAX_LEN) >= lengths[:, None]] = 0
    together = network.next_item_state(items, lengths).hidden
    for row, length in enumerate(lengths.tolist()):
        alone = network.next_item_state(items[[row], : max(length, 1)], lengths[[row]]).hidden
        torch.testing.assert_close(together[[row]], alone, rtol=0, atol=2e-5)


def of(output: ModelOutput) -> dict[str, Tensor]:
    found = {"own": output.attentions, "decoded": output.decoded, "cross": output.cross}
    return {name: weights for name, weights in found.items() if weights is not None}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(1, MAX_LEN))
def test_attention_rows_sum_to_one_with_nothing_on_the_future_the_absent_or_padding(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 2, length)
    is_masked = flags(data, 2, length)
    padding = data.draw(st.integers(0, length - 1))
    if padding:
        items[1, -padding:], is_masked[1, -padding:] = 0, False
    following = rows(data, 2, 3) if network is ENCODER_DECODER else None
    found = of(network(items, is_masked, attentions=True, following=following))
    nobody = is_masked | (items == 0) if network not in CAUSAL else is_masked
    n, others = network.config.n_layers, ~torch.eye(length, dtype=torch.bool)
    own = found.pop("own")
    assert own.shape == (n, 2, 4, length, length)
    torch.testing.assert_close(own.sum(-1), torch.ones(own.shape[:-1]), rtol=0, atol=1e-5)
    assert own.masked_select((nobody[None, :, None, None, :] & others).expand_as(own)).abs().sum() == 0
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    if network in CAUSAL:
        assert own[..., future].abs().sum() == 0
        real = (items != 0)[None, :, None, :, None] & (items == 0)[None, :, None, None, :]
        assert own.masked_select(real.expand_as(own)).abs().sum() == 0  # no event looks at padding
    if network is not ENCODER_DECODER:
        assert not found
        return
    assert found["decoded"].shape == (n, 2, 4, 4, 4)
    torch.testing.assert_close(found["decoded"].sum(-1), torch.ones(n, 2, 4, 4), rtol=0, atol=1e-5)
    assert found["decoded"][..., torch.ones(4, 4, dtype=torch.bool).triu(1)].abs().sum() == 0
    cross = found["cross"]
    assert cross.shape == (n, 2, 4, 4, length)
    there = (~nobody).any(1).float()[None, :, None, None].expand(cross.shape[:-1])  # with nothing to see, nothing is
    torch.testing.assert_close(cross.sum(-1), there, rtol=0, atol=1e-5)
    assert cross.masked_select(nobody[None, :, None, None, :].expand_as(cross)).abs().sum() == 0


@pytest.mark.parametrize("network", NETWORKS, **names)
def test_hidden_states_are_identical_with_and_without_attentions(network: Transformer) -> None:
    items = torch.randint(1, N_ITEMS + 1, (3, 7), generator=torch.Generator().manual_seed(2))
    assert torch.equal(network(items).hidden, network(items, attentions=True).hidden)
    plain, watched = (
        network.next_item_state(items, full(items)),
        network.next_item_state(items, full(items), attentions=True),
    )
    torch.testing.assert_close(plain.hidden, watched.hidden, rtol=0, atol=2e-5)  # the same, but for rounding
    assert of(plain) == {}
    assert len(of(watched)) == (3 if network is ENCODER_DECODER else 1)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), network=st.sampled_from(NETWORKS), length=st.integers(2, MAX_LEN))
def test_an_absent_event_is_forgotten_and_keeps_its_place(
    data: st.DataObject, network: Transformer, length: int
) -> None:
    items = rows(data, 1, length)
    at = data.draw(st.integers(0, length - 2))
    is_masked = torch.zeros(1, length, dtype=torch.bool)
    is_masked[0, at] = True
    changed = items.clone()
    changed[0, at] = other(changed[0, at])
    torch.testing.assert_close(network(items, is_masked).hidden, network(changed, is_masked).hidden, rtol=0, atol=0)
    read = network.next_item_state(items, full(items), is_masked).hidden
    torch.testing.assert_close(read, network.next_item_state(changed, full(items), is_masked).hidden, rtol=0, atol=0)
    deleted = network.next_item_state(items[:, torch.arange(length) != at], full(items) - 1).hidden
    if at:  # the events before it would have moved up
        assert not torch.allclose(read, deleted, atol=1e-5)
    if network in CAUSAL:
        hidden = network(items, is_masked).hidden
        torch.testing.assert_close(hidden[:, :at], network(items).hidden[:, :at], rtol=0, atol=1e-5)


def test_what_stands_behind_a_mask_is_not_seen() -> None:
    items = torch.tensor([[3, 4, MASKED.mask, 6]])
    assert torch.isfinite(MASKED(items).hidden).all()
    everywhere = torch.ones(1, 4, dtype=torch.bool)
    hidden = MASKED(items, everywhere, attentions=True)
    assert hidden.attentions is not None
    assert float(hidden.attentions[..., 0, 2].min()) > 0  # a mask stays in sight where every event is absent


@pytest.mark.parametrize("network", NETWORKS, **names)
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


@pytest.mark.parametrize("network", NETWORKS, **names)
def test_noise_drops_only_when_it_is_given_and_repeats_with_its_seed(network: Transformer) -> None:
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


@pytest.mark.parametrize("architecture", ["causal", "masked", "encoder-decoder"])
def test_initial_weights_come_from_the_seed_alone(architecture: Architecture) -> None:
    first, second, third = (make(seed=s, architecture=architecture).state_dict() for s in (3, 3, 4))
    for name, weights in first.items():
        np.testing.assert_array_equal(weights, second[name])
        if weights.dim() > 1:
            assert not torch.equal(weights, third[name]), name
    assert float(first["item_vectors.own.weight"][0].abs().sum()) == 0


def test_a_causal_network_has_no_more_weights_than_it_needs() -> None:
    tops = {name.split(".")[0] for name in make().state_dict()}
    assert tops == {"item_vectors", "position_vectors", "blocks", "norm"}
    assert not any("cross" in name for name in make(architecture="masked").state_dict())
