"""Hidden events cost less than `next_item_state` with `absent` takes, and give the same states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from engine.model.network import masked_forward
from engine.model.network.config import ContentShape, NetworkConfig
from engine.model.network.masked_forward import masked_hidden
from engine.model.network.transformer import Transformer, blank

N_ITEMS, L = 30, 12

ARCHITECTURES = ("causal", "masked", "encoder-decoder")


def network_of(architecture: str, n_layers: int) -> Transformer:
    content = ContentShape(4, 2, 0)
    shape = NetworkConfig(
        N_ITEMS, L, 16, n_layers, 2, 32, 0.2, "cosine", 0.1, architecture=architecture, n_users=3, user_content=content
    )
    network = blank(shape)
    network.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
        assert network.user_vectors is not None
        assert network.user_vectors.tokens is not None
        network.user_vectors.tokens.copy_(torch.tensor([[0, 0], [1, 0], [2, 3], [4, 0]]))
    return network.double().eval()  # rounding aside, so that nothing else can hide in a tolerance


NETWORKS = {(name, n): network_of(name, n) for name in ARCHITECTURES for n in (1, 3)}


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_states_are_those_of_the_whole_network(data: st.DataObject):
    network = NETWORKS[data.draw(st.sampled_from(ARCHITECTURES)), data.draw(st.sampled_from([1, 3]))]
    length = data.draw(st.integers(1, L))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    items = torch.from_numpy(rng.integers(1, N_ITEMS + 1, length))
    keep_mask = rng.random((20, length)) < rng.choice([0.2, 0.5, 0.9])
    together = data.draw(st.integers(0, length - 1))  # events at the start that come and go together
    keep_mask[:, :together] = keep_mask[:, :1]
    keep_mask[0], keep_mask[1] = False, True
    there = torch.from_numpy(keep_mask)
    user = data.draw(st.sampled_from([None, 0, 2]))
    users = None if user is None else torch.tensor([user])
    with torch.inference_mode():
        found = masked_hidden(network, items, there, users)
        lengths = torch.full((20,), length)
        many = None if users is None else users.expand(20)
        expected = network.next_item_state(items.expand(20, -1), lengths, ~there, users=many).hidden
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_portions_change_nothing(architecture: str, monkeypatch: pytest.MonkeyPatch):
    network, items = NETWORKS[architecture, 3], torch.arange(1, L + 1)
    keep_mask = torch.rand((40, L), generator=torch.Generator().manual_seed(1)) < 0.6
    with torch.inference_mode():
        whole = masked_hidden(network, items, keep_mask)
        monkeypatch.setattr(masked_forward, "_PLACES", 1)
        torch.testing.assert_close(masked_hidden(network, items, keep_mask), whole, atol=1e-9, rtol=1e-9)
