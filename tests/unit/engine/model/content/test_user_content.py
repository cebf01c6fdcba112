"""Users' attributes: what they add to a ranking, that they are optional, and that they are kept with the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from engine.config import RunConfig
from engine.data.attributes import clean_attributes
from engine.data.dataset import NOBODY, Histories, Vocabulary
from engine.data.splits import Holdout, Split
from engine.errors import EngineError
from engine.explanation.shapley import shapley_values
from engine.model.content.tables import Content, Contents, one_row, table_content
from engine.model.training.checkpoint import load_network, save_network
from engine.model.training.defaults import resolve
from engine.model.training.loop import Trained, train
from engine.recommender import TransformerRecommender

N_GROUPS, PER_GROUP, COMMON = 4, 6, 8
FIRST = COMMON + 1
"""Items 1 to 8 tell nothing; each group's own six items follow."""


def users_of(groups: np.ndarray) -> Content:
    content = table_content(pd.DataFrame({"user_id": groups.astype(str), "region": [f"r{g}" for g in groups]}), 4)
    assert content is not None
    return content


def regions(n_users: int = 160, seed: int = 0) -> tuple[Split, Content]:
    """Three events that all regions share, then items of one's own region: only the attribute tells which."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n_users) % N_GROUPS
    rows = [
        np.concatenate([1 + rng.permutation(COMMON)[:3], FIRST + g * PER_GROUP + rng.permutation(PER_GROUP)[:1]])
        for g in groups
    ]
    whole = Histories.of(rows, range(n_users))
    users, ends = np.arange(n_users), np.arange(n_users + 1)
    known = whole.drop_last(1)
    asked = Holdout(users, known, Histories(ends, whole.items[whole.offsets[1:] - 1]))
    half = users % 8 < 4  # one half trains on whole histories, the other is asked
    met = np.ones(FIRST + N_GROUPS * PER_GROUP, dtype=bool)
    met[0] = False
    train_part = whole.drop_last(np.where(half, 0, 1))
    rest = asked.take(np.flatnonzero(~half))
    return Split("leave-last-out", train_part, rest, rest, met), users_of(groups)


@pytest.fixture(scope="module", params=["causal", "masked", "encoder-decoder"])
def learnt(request: pytest.FixtureRequest) -> tuple[Split, Trained]:
    split, content = regions()
    config = RunConfig().replace(
        {
            "model": {"architecture": request.param, "d_model": 16, "max_len": 8, "dropout": 0.1, "n_layers": 1},
            "training": {
                "max_epochs": 60 if request.param == "causal" else 120,
                "patience": 120,
                "learning_rate": 1e-2,
                "batch_tokens": 128,
                "validate_every": 60,
                "average": 0.9,
            },
        }
    )
    return split, train(split, resolve(config, split), contents=Contents(users=content))


def share_of_own(model: TransformerRecommender, asked: Histories, groups: np.ndarray) -> float:
    """Share of histories whose best item is one of their own region's."""
    best = model.score(asked).argmax(axis=1)
    return float(((best - FIRST) // PER_GROUP == groups)[best >= FIRST].sum() / len(best))


def test_an_attribute_decides_where_events_tell_nothing(learnt: tuple[Split, Trained]) -> None:
    split, trained = learnt
    model = TransformerRecommender(trained.network, split.candidates)
    known = split.test.histories
    groups = split.test.users % N_GROUPS
    assert share_of_own(model, known, groups) > 0.65
    strangers = Histories(known.offsets, known.items)
    assert share_of_own(model, strangers, groups) < 0.45  # a quarter is chance
    swapped = Histories(known.offsets, known.items, split.test.users[::-1].copy())
    assert share_of_own(model, swapped, (split.test.users[::-1]) % N_GROUPS) > 0.65


def test_without_events_the_attribute_alone_speaks(learnt: tuple[Split, Trained]) -> None:
    split, trained = learnt
    model = TransformerRecommender(trained.network, split.candidates)
    scores = model.score(Histories.of([[]] * (N_GROUPS + 1), [*range(N_GROUPS), NOBODY]))
    assert np.isfinite(scores[:, 1:]).all()
    assert not np.allclose(scores[0], scores[1])


def test_a_stranger_is_nobody(learnt: tuple[Split, Trained]) -> None:
    split, trained = learnt
    model = TransformerRecommender(trained.network, split.candidates)
    row = [1, 2, 3]
    np.testing.assert_array_equal(model.score(Histories.of([row])), model.score(Histories.of([row], [NOBODY])))


def test_shapley_values_add_up_to_the_users_own_score(learnt: tuple[Split, Trained]) -> None:
    split, trained = learnt
    model = TransformerRecommender(trained.network, split.candidates)
    history, user = split.test.histories[0], int(split.test.users[0])
    found = shapley_values(model, history, FIRST, user=user)
    own = model.score(split.test.histories.take(np.array([0])))[0, FIRST]
    assert found.base + found.values.sum() == pytest.approx(own, abs=1e-4)
    assert found.base != pytest.approx(shapley_values(model, history, FIRST).base, abs=1e-3)
    np.testing.assert_allclose(model.attentions(history, user).sum(-1)[..., -1], 1, atol=1e-5)


def test_users_are_saved_with_the_weights(learnt: tuple[Split, Trained], tmp_path: Path) -> None:
    split, trained = learnt
    save_network(trained.network, tmp_path / "model.safetensors")
    loaded = load_network(tmp_path / "model.safetensors")
    assert trained.network.user_vectors is not None
    assert loaded.user_vectors is not None
    assert torch.equal(loaded.user_vectors(None), trained.network.user_vectors(None))
    assert not loaded.user_vectors(None)[0].any()
    models = [TransformerRecommender(n, split.candidates) for n in (loaded, trained.network)]
    np.testing.assert_array_equal(*(m.score(split.test.histories) for m in models))


def test_a_row_of_somebody_new_is_read_as_the_tables_are() -> None:
    ages, notes = [20.0, 30.0, 40.0, 50.0] * 3, ["likes tents", "likes kettles"] * 6
    ids = Vocabulary(np.array([f"u{i}" for i in range(12)], dtype=object), first=0, kind="user")
    raw = pd.DataFrame({"user_id": ids.ids, "age": ages, "region": ["north|east", "south"] * 6, "text": notes})
    table = clean_attributes(raw.assign(line=range(2, 14)), "users", ids, {})[0]
    content = table_content(table, 2)
    assert content is not None
    tokens, dense = one_row(content, table, {"region": "north|east", "age": "20", "text": "likes tents"})
    assert sorted(tokens) == sorted(content.tokens[1])
    np.testing.assert_allclose(dense, content.dense[1], atol=1e-6)
    only_age = one_row(content, table, {"age": "1e9"})
    assert not only_age[0].any()
    assert only_age[1].max() == 5
    with pytest.raises(
        EngineError, match=r"region = 'west' does not occur in the training data; known are east, north, south\."
    ):
        one_row(content, table, {"region": "west"})
    with pytest.raises(EngineError, match=r"'hat' is no column that this run reads; it reads region, age, text\."):
        one_row(content, table, {"hat": "red"})
    with pytest.raises(EngineError, match="age = 'old' is not a number"):
        one_row(content, table, {"age": "old"})


def test_what_is_said_of_somebody_new_counts_as_if_it_were_in_the_data(learnt: tuple[Split, Trained]) -> None:
    split, trained = learnt
    model = TransformerRecommender(trained.network, split.candidates)
    content = trained.network.user_vectors
    assert content is not None
    assert content.tokens is not None
    asked = split.test.histories.take(np.array([0]))
    told = model.with_user_content(content.tokens[int(split.test.users[0]) + 1].numpy(), np.zeros(0, dtype=np.float32))
    stranger = Histories(asked.offsets, asked.items, np.array([NOBODY]))
    np.testing.assert_allclose(told.score(stranger), model.score(asked), rtol=1e-5)
    assert not np.allclose(model.score(stranger), model.score(asked), rtol=1e-3)


def test_windows_know_whose_they_are() -> None:
    from engine.model.training.batching import batches, windows

    rows = [[1], list(range(1, 12)), [5, 6, 7], [2, 3]]
    cut = windows(Histories.of(rows, [4, 5, 6, 7]), 4)
    assert cut.users is not None
    owner = dict(zip([5, 6, 7], [rows[1], rows[2], rows[3]], strict=True))
    met = 0
    for part in batches(cut, 12, np.random.default_rng(0)):
        assert part.users is not None
        for row, user in zip(part, part.users, strict=True):
            assert set(row.tolist()) <= set(owner[int(user)])
            met += 1
    assert met == len(cut) == 5
