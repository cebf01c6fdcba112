"""Two items' scores compared: by the items themselves, the history, and the user's attributes.

With every event hidden and no attributes, a model still scores items differently: this is an item's standing, which is
low for items that are rare in training. The user's attributes change the score, and then the history does. The three
differences between two items sum to the difference of their scores, so that no cause is credited with another's effect.
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
    """Each item compared with another: the first of the list, or for that one the second.

    Args:
        run: the run, with the attributes of a new user.
        query: of the user.
        scores: those of `engine.queries.recommend.scores_for`.
        items: (m,) indices.
        lang: of the titles.
        other: the index of an item to compare all of them with; 0: the best of the list.

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
    """(m,) scores with every event hidden and no attributes, with every event hidden, and with all events."""
    history = query.history[-run.serving.max_len :]
    sets = np.array([[False], [True]]).repeat(len(history), axis=1)
    hidden, whole = run.serving.scores_masked(history, sets, items, query.user_index(run))
    if not _is_known(run, query):
        return hidden, hidden, whole
    return _without_attributes(run).serving.scores_masked(history, sets[:1], items, NOBODY)[0], hidden, whole


def _is_known(run: Run, query: Query) -> bool:
    """Whether the network uses any attribute of this user."""
    vectors = run.recommender.network.user_vectors
    return vectors is not None and bool(vectors.described()[query.user_index(run) + 1])


def _without_attributes(run: Run) -> Run:
    """The run, with no attributes for a new user."""
    vectors = run.recommender.network.user_vectors
    if vectors is None or not vectors.described()[0]:
        return run
    tokens, dense = (np.zeros(0) if t is None else np.zeros_like(t[0].numpy()) for t in (vectors.tokens, vectors.dense))
    unknowing = run.recommender.with_user_content(tokens, dense)
    ensemble = None if run.ensemble is None else replace(run.ensemble, transformer=unknowing)
    return replace(run, recommender=unknowing, ensemble=ensemble)
