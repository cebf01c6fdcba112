"""Items of a run: search, profiles, neighbours in the model and in content, and who gets them recommended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.schema import LIST_SEPARATOR, display_columns
from engine.errors import EngineError
from engine.evaluation.metrics.item_facts import rows_to
from engine.model.content.tables import Content
from engine.queries.recommend import describe
from engine.queries.types import Cohort
from engine.runs.contents import contents_of
from engine.runs.store import Run

Space = Literal["model", "content"]
"""The space of neighbours: the vectors that score items, or their content."""


@dataclass(frozen=True)
class ItemProfile:
    """A profile of an item, and who gets it recommended.

    Attributes:
        item_id, title, category, item_cohort: the item's.
        attributes: by column name, as text.
        popularity: training interactions.
        popularity_rank: 1 is the most popular, among `n_items`; ties share the better rank.
        exposure: test users whose list of k contains it; `exposure_by` by their cohort, "head" and "tail".
        exposure_rank: likewise, 1 is in the most lists.
        n_lists: test users, "head" and "tail".
        n_items: items of the data.
        k: length of the lists.
        is_candidate: whether it can be recommended at all.
    """

    item_id: str
    title: str
    category: str | None
    item_cohort: Cohort
    attributes: dict[str, str]
    popularity: int
    popularity_rank: int
    exposure: int
    exposure_by: dict[str, int]
    exposure_rank: int
    n_lists: dict[str, int]
    n_items: int
    k: int
    is_candidate: bool


@dataclass(frozen=True)
class Neighbour:
    """An item near another: `similarity` is a cosine, from -1 to 1."""

    item_id: str
    title: str
    category: str | None
    item_cohort: Cohort
    popularity: int
    similarity: float


def find_items(run: Run, text: str = "", lang: str = "en", limit: int = 20) -> pd.DataFrame:
    """Items whose title or id contains a text; the most popular ones for an empty text.

    Args:
        run: the run.
        text: part of a title in either language, or of an id; an exact id comes first, then popular items.
        lang: of the titles.
        limit: rows at most.

    Returns:
        `item_id`, `title`, `category`, `item_cohort`, `popularity` (training interactions).

    >>> engine.find_items(run, "stove", limit=2)[["item_id", "title"]]
      item_id        title
    0     i02  Stove no. 2
    1     i08  Stove no. 8
    """
    data, popularity = run.dataset, popularity_of(run)[1:]
    keep = np.ones(data.n_items, dtype=bool)
    ids = pd.Series(data.items.ids.astype(str))
    if text:
        keep = ids.str.contains(text, regex=False, case=False).to_numpy(dtype=bool)
        for column in (c for c in data.item_table.columns if c == "title" or c.startswith("title_")):
            if "__" not in column:
                titles = data.item_table[column].astype(str)
                keep = keep | titles.str.contains(text, regex=False, case=False).to_numpy(dtype=bool)
    rows = np.flatnonzero(keep)
    exact = (ids.iloc[rows] == text).to_numpy(dtype=bool)
    rows = rows[np.lexsort((rows, -popularity[rows], ~exact))][:limit]
    told = [(data.items.id_of(int(row) + 1), *describe(run, int(row) + 1, lang), int(popularity[row])) for row in rows]
    return pd.DataFrame(told, columns=["item_id", "title", "category", "item_cohort", "popularity"])


def item_profile(run: Run, item_id: str, k: int = 10, lang: str = "en") -> ItemProfile:
    """A profile of an item, and who gets it recommended.

    Raises:
        UnknownIdError: no such item.
        EngineError: the run has no lists of that length.

    >>> found = engine.item_profile(run, "i02")
    >>> found.title, found.attributes["category"], found.item_cohort
    ('Stove no. 2', 'Light', 'head')
    """
    item = run.dataset.items.index_of(item_id)
    title, category, cohort = describe(run, item, lang)
    popularity, exposure, lists = popularity_of(run), exposure_of(run, k), _lists(run, k)
    holds = (lists == item).any(axis=1)
    is_head = run.cohorts.user_is_head[run.split.test.users]
    table = run.dataset.item_table
    return ItemProfile(
        item_id,
        title,
        category,
        cohort,
        {c: str(table[c].iat[item - 1]) for c in display_columns(table)},
        int(popularity[item]),
        int(_ranks(popularity)[item]),
        int(exposure[item]),
        {"head": int((holds & is_head).sum()), "tail": int((holds & ~is_head).sum())},
        int(_ranks(exposure)[item]),
        {"head": int(is_head.sum()), "tail": int((~is_head).sum())},
        run.dataset.n_items,
        k,
        bool(run.serving.candidates[item]),
    )


def receivers(run: Run, item_id: str, k: int = 10, limit: int = 200) -> pd.DataFrame:
    """Test users whose list of k holds an item, by its place in them.

    Returns:
        `user_id`, `cohort`, `history_length` (training part), `place` (1 is first), `is_held_out` (whether the item is
        one of the user's test targets).

    Raises:
        UnknownIdError: no such item.
        EngineError: the run has no lists of that length.

    >>> engine.receivers(run, "i02").columns.tolist()
    ['user_id', 'cohort', 'history_length', 'place', 'is_held_out']
    """
    item = run.dataset.items.index_of(item_id)
    rows, places = np.nonzero(_lists(run, k) == item)
    order = np.lexsort((rows, places))[:limit]
    rows, places, test = rows[order], places[order], run.split.test
    users = test.users[rows]
    return pd.DataFrame(
        {
            "user_id": run.dataset.users.ids_of(users),
            "cohort": np.where(run.cohorts.user_is_head[users], "head", "tail"),
            "history_length": run.split.train.lengths[users],
            "place": places + 1,
            "is_held_out": [bool((test.targets[int(row)] == item).any()) for row in rows],
        }
    )


def neighbours(run: Run, item_id: str, space: Space = "model", n: int = 10, lang: str = "en") -> tuple[Neighbour, ...]:
    """The n items nearest to one by cosine, the nearest first.

    In the model, items are the vectors that histories are scored against. In content, an item's categories are one part
    and its text another; each part has length 1, so that the cosine is the mean over the parts that both items have.
    Numbers are ignored, since a single number has no direction.

    Args:
        run: the run.
        item_id: the item.
        space: "model" or "content".
        n: how many.
        lang: of the titles.

    Returns:
        Neighbours without the item itself and without items that are not in that space. Empty if the item is not.

    Raises:
        UnknownIdError: no such item.
        EngineError: the run uses no content of items.

    >>> near = engine.neighbours(run, "i02", space="content", n=3)
    >>> len(near), near[0].similarity >= near[1].similarity
    (3, True)
    """
    item = run.dataset.items.index_of(item_id)
    near, there = _cosines(run, item) if space == "model" else _content_cosines(run, item)
    if not there[item]:
        return ()
    there[item] = False
    popularity, rows = popularity_of(run), np.flatnonzero(there)
    rows = rows[np.argsort(-near[rows], kind="stable")][:n]
    return tuple(
        Neighbour(
            run.dataset.items.id_of(int(row)),
            *describe(run, int(row), lang),
            int(popularity[row]),
            float(np.clip(near[row], -1, 1)),
        )
        for row in rows
    )


def has_content(run: Run) -> bool:
    """Whether items can be compared by their content: the run uses categories or text.

    >>> engine.has_content(run)
    True
    """
    network = run.recommender.network.item_vectors.content
    return network is not None and _comparable(contents_of(run).items)


def popularity_of(run: Run) -> np.ndarray:
    """(n_items + 1,) int64 training interactions."""
    return np.bincount(run.split.train.items, minlength=run.dataset.n_items + 1)


def exposure_of(run: Run, k: int) -> np.ndarray:
    """(n_items + 1,) int64 how many test users' lists of k hold each item.

    Raises:
        EngineError: the run has no lists of that length.
    """
    counts = np.bincount(_lists(run, k).ravel(), minlength=run.dataset.n_items + 1)
    counts[0] = 0
    return counts


def _lists(run: Run, k: int) -> np.ndarray:
    """(n_test_users, k) what the answering model recommends.

    Raises:
        EngineError: the run has no lists of that length.
    """
    lists = run.evaluation.lists.get(run.answers)
    if lists is None or lists.shape[1] < k:
        kept = 0 if lists is None else lists.shape[1]
        if kept == 0:
            raise EngineError(
                "Run {run!r} recommends nothing to its tested users: they have had every item.", run=run.name
            )
        raise EngineError(
            "Run {run_name!r} keeps lists of {kept} items, and {k} were asked for; ask for fewer, or train it again.",
            run_name=run.name,
            kept=kept,
            k=k,
        )
    return lists[:, :k]


def _cosines(run: Run, item: int) -> tuple[np.ndarray, np.ndarray]:
    """(n_items + 1,) cosines with an item in the model, and which items are there at all."""
    vectors = run.recommender.output_vectors()
    sizes = np.linalg.norm(vectors, axis=1)
    there = run.recommender.candidates & (sizes > 0)
    return vectors @ vectors[item] / np.maximum(sizes * sizes[item], 1e-12), there


def _content_cosines(run: Run, item: int) -> tuple[np.ndarray, np.ndarray]:
    """(n_items + 1,) cosines with an item in content, and which items are in that space.

    Raises:
        EngineError: the run uses no content of items.
    """
    content = contents_of(run).items
    if not _comparable(content):
        raise EngineError(
            "Run {run!r} read no categories or text of its items, so content tells none apart.", run=run.name
        )
    assert content is not None
    near, parts, there = (
        np.zeros(len(content.tokens)),
        np.zeros(len(content.tokens)),
        np.zeros(len(content.tokens), bool),
    )
    for part in _parts(content):
        held = np.asarray(abs(part).sum(axis=1)).ravel() > 0
        there |= held
        if held[item]:
            near += np.asarray((part @ part[[item]].T).todense()).ravel()
            parts += held
    return near / np.maximum(parts, 1), there


def _comparable(content: Content | None) -> bool:
    return content is not None and (len(content.token_names) > 0 or content.text is not None)


def _parts(content: Content) -> list[sparse.csr_array]:
    """(n_items + 1, width) categories, and directions of text, rows of length 1 or 0."""
    parts: list[sparse.csr_array] = []
    if content.token_names:
        rows, places = np.nonzero(content.tokens)
        shape = (len(content.tokens), len(content.token_names) + 1)
        held = sparse.csr_array((np.ones(len(rows)), (rows, content.tokens[rows, places])), shape=shape)
        parts.append(rows_to(held, 2))
    if content.text is not None:
        parts.append(sparse.csr_array(content.dense[:, : len(content.text.components)].astype(np.float64)))
    return parts


def item_table(run: Run, items: np.ndarray, k: int = 10, lang: str = "en") -> pd.DataFrame:
    """Facts of items by their indices, in the order given.

    Returns:
        `item_id`, `title`, `category` (the first of a list), `item_cohort`, `popularity`, `popularity_rank`,
        `exposure`, `exposure_rank`; 1 is the highest of all items, and ties share the better rank.

    Raises:
        EngineError: the run has no lists of that length.

    >>> engine.item_table(run, np.array([1, 2])).columns.tolist()
    ['item_id', 'title', 'category', 'item_cohort', 'popularity', 'popularity_rank', 'exposure',
     'exposure_rank']
    """
    popularity, exposure = popularity_of(run), exposure_of(run, k)
    told = [describe(run, item, lang) for item in items.tolist()]
    return pd.DataFrame(
        {
            "item_id": run.dataset.items.ids_of(items),
            "title": [title for title, _category, _cohort in told],
            "category": [(category or "").split(LIST_SEPARATOR)[0] for _title, category, _cohort in told],
            "item_cohort": [cohort for _title, _category, cohort in told],
            "popularity": popularity[items],
            "popularity_rank": _ranks(popularity)[items],
            "exposure": exposure[items],
            "exposure_rank": _ranks(exposure)[items],
        }
    )


def _ranks(counts: np.ndarray) -> np.ndarray:
    """(n_items + 1,) 1 plus how many items have more; padding does not count."""
    ordered = np.sort(counts[1:])
    return len(ordered) - np.searchsorted(ordered, counts, side="right") + 1
