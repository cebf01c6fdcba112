"""The ranks that a recommender gives to users' next items, among everything that it could have recommended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import Histories
from engine.data.splits import Holdout
from engine.recommender import Recommender, score_chunks, top_of


@dataclass(frozen=True)
class Ranking:
    """One recommender's ranks and lists for a holdout.

    Attributes:
        ranks: (n_targets in all,) int32, aligned with `holdout.targets.items`; 1 is best, 0 is a miss.
        top: (n_users, k) int32 item indices recommended to each user, best first; 0 where there was nothing more to
            recommend.
        otherwise: the ranks under the other rule for seen items, excluded instead of included or the reverse; if
            requested.
    """

    ranks: np.ndarray
    top: np.ndarray
    otherwise: np.ndarray | None = None


def ranks_of_targets(
    recommender: Recommender, holdout: Holdout, exclude_seen: bool = True, chunk: int = 512
) -> np.ndarray:
    """(n_targets in all,) int32 ranks of the targets among all candidates, aligned with `holdout.targets.items`.

    A rank of 0 is a miss: the target is not a candidate, or is excluded because the history holds it. Items with the
    same score as a target count as ranked before it (pessimistic ties), so a constant score gains nothing.

    Args:
        recommender: the model to measure.
        holdout: histories and the targets that followed; the targets of one user are distinct.
        exclude_seen: exclude the items of the history from the ranking.
        chunk: users scored at a time.

    Raises:
        EngineError: a score is not a number.
    """
    return rank_targets(recommender, holdout, 0, exclude_seen, chunk).ranks


def rank_targets(
    recommender: Recommender,
    holdout: Holdout,
    k: int,
    exclude_seen: bool = True,
    chunk: int = 512,
    on_progress: Callable[[float], None] | None = None,
    both: bool = False,
) -> Ranking:
    """Ranks of the targets and the top k of every user, from one scoring of each user.

    Args:
        recommender: the model to measure.
        holdout: histories and the targets that followed.
        k: length of the lists kept; 0 for none.
        exclude_seen: exclude the items of the history from the ranking.
        chunk: users scored at a time.
        on_progress: called with the share of users done, after each chunk.
        both: also rank under the other rule for seen items; the lists follow `exclude_seen`.

    Raises:
        EngineError: a score is not a number.
    """
    ranks = np.zeros(len(holdout.targets.items), dtype=np.int32)
    otherwise = np.zeros_like(ranks) if both else None
    top = np.zeros((len(holdout), k), dtype=np.int32)
    offsets = holdout.targets.offsets
    for rows, scores in score_chunks(recommender, holdout.histories, exclude_seen and not both, chunk):
        first, last = offsets[rows.start], offsets[rows.stop]
        targets = Histories(offsets[rows.start : rows.stop + 1] - first, holdout.targets.items[first:last])
        seen = holdout.histories.take(np.arange(rows.start, rows.stop)) if both else None
        if seen is not None and otherwise is not None and exclude_seen:
            otherwise[first:last] = ranks_in(scores, targets)
            scores[seen.positions(), seen.items] = -np.inf
        ranks[first:last] = ranks_in(scores, targets)
        if k:
            top[rows] = top_of(scores, k)[0]
        if seen is not None and otherwise is not None and not exclude_seen:
            scores[seen.positions(), seen.items] = -np.inf
            otherwise[first:last] = ranks_in(scores, targets)
        if on_progress:
            on_progress(rows.stop / len(holdout))
    return Ranking(ranks, top, otherwise)


def ranks_in(scores: np.ndarray, targets: Histories) -> np.ndarray:
    """(n_targets in all,) int32 ranks of each row's targets in a (B, n_items + 1) matrix; 0 where a target scores -inf.

    No sorting: a rank is the number of scores at least as high. Tied targets of one row take the last places of their
    tie, one each, so that no two of them share a rank.
    """
    owners = targets.positions()
    own = scores[owners, targets.items]
    ranks = np.zeros(len(own), dtype=np.int32)
    place = np.arange(len(own)) - targets.offsets[owners]  # 0 for a row's first target, 1 for its second, ...
    for turn in range(int(targets.lengths.max(initial=0))):
        asked = np.flatnonzero(place == turn)
        rows = scores if len(asked) == len(scores) else scores[owners[asked]]
        ranks[asked] = np.count_nonzero(rows >= own[asked, None], axis=1)
    if len(own) > len(scores):
        order = np.lexsort((own, owners))
        values, rows = own[order], owners[order]
        starts = np.flatnonzero(np.append(True, (values[1:] != values[:-1]) | (rows[1:] != rows[:-1])))
        sizes = np.diff(np.append(starts, len(own)))
        ranks[order] -= (np.repeat(starts + sizes, sizes) - 1 - np.arange(len(own))).astype(np.int32)
    ranks[own == -np.inf] = 0
    return ranks
