"""One item's score held against another's: its own standing, the history, and what is known of the user.

With every event hidden and nobody known, a model still scores items apart: that is an item's own standing, which an
item that training hardly met lacks. What is known of the user moves it, and then the history does. The three
differences between two items add up to the difference of their scores, so that none is blamed for what another did.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.data.dataset import NOBODY
from engine.queries.recommend import Query, rank_of
from engine.queries.types import ScoreDifference
from engine.recommender import top_of
from engine.runs.store import Run


def score_differences(
    run: Run, query: Query, scores: np.ndarray, items: np.ndarray, lang: str, other: int = 0
) -> tuple[ScoreDifference | None, ...]:
    """Each item held against another: the first of the list, or for that one the second.

    Args:
        run: the run, which knows what is known of a user who is not in the data.
        query: of whom.
        scores: what `engine.queries.recommend.scores_for` gave.
        items: (m,) indices.
        lang: of the titles.
        other: the index of an item to hold all of them against; 0: the best of the list.

    Returns:
        One for each item; None where there is no other.
    """
    best, second = (*top_of(scores[None, :], 2)[0][0].tolist(), 0, 0)[:2]
    rivals = [other or (second if item == best else best) for item in items.tolist()]
    distinct = np.unique([item for item in (*items.tolist(), *rivals) if item])
    nothing, events, all_known = _scores(run, query, distinct)
    met = np.bincount(run.split.train.items, minlength=run.dataset.n_items + 1)
    found: list[ScoreDifference | None] = []
    for item, rival in zip(items.tolist(), rivals, strict=True):
        if not rival:
            found.append(None)
            continue
        mine, theirs = np.searchsorted(distinct, [item, rival])
        standing, hidden, whole = (float(each[mine] - each[theirs]) for each in (nothing, events, all_known))
        found.append(
            ScoreDifference(
                run.dataset.items.id_of(rival),
                run.dataset.title(rival, lang),
                rank_of(scores, rival),
                float(all_known[theirs]),
                float(events[theirs]),
                standing,
                whole - hidden,
                hidden - standing if _is_known(run, query) else None,
                int(met[item]),
                int(met[rival]),
            )
        )
    return tuple(found)


def _scores(run: Run, query: Query, items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(m,) scores of nobody with every event hidden, of the user with every event hidden, and with all of them."""
    history = query.history[-run.serving.max_len :]
    sets = np.array([[False], [True]]).repeat(len(history), axis=1)
    hidden, whole = run.serving.scores_masked(history, sets, items, query.user_index(run))
    if not _is_known(run, query):
        return hidden, hidden, whole
    return _without_attributes(run).serving.scores_masked(history, sets[:1], items, NOBODY)[0], hidden, whole


def _is_known(run: Run, query: Query) -> bool:
    """Whether the network reads anything of this user."""
    vectors = run.recommender.network.user_vectors
    return vectors is not None and bool(vectors.described()[query.user_index(run) + 1])


def _without_attributes(run: Run) -> Run:
    """The run, to which nobody is nobody."""
    vectors = run.recommender.network.user_vectors
    if vectors is None or not vectors.described()[0]:
        return run
    tokens, dense = (np.zeros(0) if t is None else np.zeros_like(t[0].numpy()) for t in (vectors.tokens, vectors.dense))
    unknowing = run.recommender.with_user_content(tokens, dense)
    ensemble = None if run.ensemble is None else replace(run.ensemble, transformer=unknowing)
    return replace(run, recommender=unknowing, ensemble=ensemble)
