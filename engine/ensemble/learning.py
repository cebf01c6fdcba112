"""Learns on validation the weights of an ensemble's members, for short histories and for long ones.

A grid of weights is tried. For every validation user the ranks of the target under all of them are computed once, on a
shortlist of the items that any member ranks high; choosing weights for some users then means summing their rows. The
choice is checked by full ranking on the same users: if it is worse than the best member, that member is used alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import product
from math import fsum

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.ensemble.ensemble import Ensemble, EnsembleWeights, member_scores, mixed
from engine.model.chunks import rows_at_once
from engine.model.item_similarity import ItemWeights
from engine.recommender import Explainable, mask_seen, top_of

GRID = (0.0, 0.03, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.95, 1.4, 2.0, 3.0)
"""Weights tried for a set-model, relative to 1 for the Transformer divided by the mean deviation of its logits in a
row."""

LENGTH_BINS = 5
"""Bins of history lengths, cut at quantiles of the training lengths; duplicate cuts are merged."""

PRIOR_USERS = 1_000
"""Each bin's users are joined by this many average ones, so that few users cannot shift its weights much."""

SHORTLIST = 50
"""Items that each member adds to a user's shortlist."""

K = 10
"""Weights are chosen, and the result is measured, by NDCG at this list length."""

MOST_USERS = 6_000
"""Most validation users for learning and checking weights: as many as in training, which takes seconds."""

ROUNDS = 5
"""How often the users are halved to test whether weights learnt on one half help on the other."""

_CHUNK = 512


def learn_weights(transformer: Explainable, parts: Sequence[ItemWeights], split: Split, config: RunConfig) -> Ensemble:
    """The ensemble of a Transformer and set-models, its weights learnt on `split.valid` alone.

    On the validation users used its NDCG@10 is not below that of its best member. The order of users has no effect.

    Args:
        transformer: trained on the training part.
        parts: set-models fitted on the training part; at least one.
        split: its validation part is used, its test part never.
        config: whether seen items are excluded, and the seed by which users are drawn and halved.
    """
    hide_seen = config.evaluation.seen_left_out
    keys = _keys(split.valid, config.training.seed)
    drawn = np.argsort(keys, kind="stable")[:MOST_USERS]
    asked, keys = split.valid.take(drawn), keys[drawn]
    excess, able, spreads = _shortlists(transformer, parts, asked, hide_seen)
    grid = _grid(len(parts), float(spreads[0]))
    ranks = _ranks(excess, grid)
    longest = _longest(split.train.lengths)
    bins = np.searchsorted(longest, asked.histories.lengths[able])
    chosen = grid[_choose(ranks, bins, len(longest) + 1)]
    wins = _beats_transformer(ranks, bins, len(longest) + 1, keys[able])
    learnt = EnsembleWeights(
        (transformer.name, *(part.name for part in parts)),
        longest,
        chosen,
        spreads,
        {},
        {},
        np.zeros(0, int),
        wins,
    )
    figures, by_length = _figures(transformer, parts, learnt, asked, hide_seen)
    *alone, ours = figures
    best = int(np.argmax(alone))
    if ours < alone[best]:
        ours, figures[-1], by_length[-1] = alone[best], alone[best], by_length[best]
        learnt = replace(learnt, weights=np.tile(np.eye(1 + len(parts))[best], (len(chosen), 1)))
    names = (*learnt.members, "ensemble")
    n_users = np.bincount(learnt.bins_of(asked.histories.lengths), minlength=len(chosen))
    figures, by_length = dict(zip(names, figures, strict=True)), dict(zip(names, by_length, strict=True))
    return Ensemble(
        transformer,
        tuple(parts),
        replace(
            learnt,
            validation=figures,
            by_length=by_length,
            n_users=n_users,
            beats_transformer=wins and ours > alone[0],
        ),
    )


def _figures(
    transformer: Explainable,
    parts: Sequence[ItemWeights],
    learnt: EnsembleWeights,
    holdout: Holdout,
    exclude_seen: bool,
) -> tuple[list[float], list[np.ndarray]]:
    """NDCG@10 of each member alone, then of the ensemble: the first target of each user, full ranking, ties against it.

    Returns:
        One figure each for all users; and (n_bins,) one for every length bin, NaN where a bin is empty.
    """
    places: list[list[np.ndarray]] = [[] for _ in range(len(parts) + 2)]
    for histories, targets in _chunks(holdout, transformer):
        given = list(member_scores(transformer, parts, histories))
        given.append(mixed(given, learnt.of_lengths(histories.lengths)))
        for kept, scores in zip(places, given, strict=True):
            kept.append(_places(_ranked(scores, histories, transformer.candidates, exclude_seen), targets))
    found = [np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64) for kept in places]
    bins = learnt.bins_of(holdout.histories.lengths)
    inside = [bins == b for b in range(len(learnt.weights))]
    by_length = [np.array([_mean_gain(of[b], K) if b.any() else np.nan for b in inside]) for of in found]
    return [_mean_gain(of, K) for of in found], by_length


def _chunks(holdout: Holdout, transformer: Explainable) -> Iterator[tuple[Histories, np.ndarray]]:
    """Histories and the first target of each, in chunks."""
    size = rows_at_once(len(transformer.candidates) - 1, _CHUNK)
    for start in range(0, len(holdout), size):
        part = holdout.take(np.arange(start, min(start + size, len(holdout))))
        yield part.histories, part.targets.items[part.targets.offsets[:-1]]


def _ranked(scores: np.ndarray, histories: Histories, candidates: np.ndarray, exclude_seen: bool) -> np.ndarray:
    """The scores with -inf for what must not be recommended."""
    scores[:, ~candidates] = -np.inf
    return mask_seen(scores, histories) if exclude_seen else scores


def _places(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(B,) ranks of the targets; 0 where one cannot be recommended."""
    own = scores[np.arange(len(scores)), targets]
    return np.where(np.isfinite(own), np.count_nonzero(scores >= own[:, None], axis=1), 0)


def _mean_gain(ranks: np.ndarray, k: int) -> float:
    """NDCG@k of users with one target each, bit for bit independent of their order."""
    counts = np.bincount(ranks[(ranks > 0) & (ranks <= k)], minlength=k + 1)
    return float(counts[1:] @ _gains(k)[1:]) / max(len(ranks), 1)


def _gains(k: int) -> np.ndarray:
    """(k + 1,) gain of each rank; 0, a miss, has no gain."""
    return np.concatenate([[0.0], 1 / np.log2(np.arange(1, k + 1) + 1.0)])


def _keys(holdout: Holdout, seed: int) -> np.ndarray:
    """(U,) uint64 hashes of each user's history and targets, so that the order of users has no effect."""
    salt = seed.to_bytes(8, "little")
    return np.array(
        [
            int.from_bytes(blake2b(known.tobytes() + b"|" + asked.tobytes(), digest_size=8, key=salt).digest(), "big")
            for known, asked in zip(holdout.histories, holdout.targets, strict=True)
        ],
        dtype=np.uint64,
    )


def _shortlists(
    transformer: Explainable, parts: Sequence[ItemWeights], asked: Holdout, exclude_seen: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far shortlisted items score above the target, for each member, and the mean spread of its scores.

    Returns:
        (n, members x SHORTLIST + 1, members) float32, very low for an item that must never count; (U,) bool, True for
        the n users whose target can be recommended, since no weights help the others; and the (members,) mean over
        users of the deviation of each member's scores over the candidates, 1 where there is none.
    """
    width = (1 + len(parts)) * min(SHORTLIST, len(transformer.candidates)) + 1
    rows = [np.zeros((0, width, 1 + len(parts)), dtype=np.float32)]
    able, spreads = [np.zeros(0, dtype=bool)], [np.zeros((1 + len(parts), 0))]
    candidates = transformer.candidates
    for histories, targets in _chunks(asked, transformer):
        given = list(member_scores(transformer, parts, histories))
        spreads.append(np.stack([scores[:, candidates].std(axis=1) for scores in given]))
        given = [_ranked(scores, histories, candidates, exclude_seen) for scores in given]
        able.append(np.isfinite(given[0][np.arange(len(targets)), targets]))
        rows.append(_excess([scores[able[-1]] for scores in given], targets[able[-1]]))
    total = np.concatenate(spreads, axis=1).sum(axis=1)
    return np.concatenate(rows), np.concatenate(able), np.where(total > 0, total / max(len(asked), 1), 1.0)


def _excess(scores: list[np.ndarray], targets: np.ndarray) -> np.ndarray:
    """The first result of `_shortlists`, from each member's (b, V) scores."""
    k = min(SHORTLIST, scores[0].shape[1])
    tops = [top_of(of, k)[0] for of in scores]
    items = np.sort(np.concatenate([targets[:, None], *tops], axis=1), axis=1)
    own = targets[:, None]
    above = [np.take_along_axis(of, items, axis=1) - np.take_along_axis(of, own, axis=1) for of in scores]
    excess = np.stack(above, axis=2)
    again = np.zeros(items.shape, dtype=bool)
    again[:, 1:] = items[:, 1:] == items[:, :-1]
    excess[again | ~np.isfinite(excess).all(axis=2)] = np.finfo(np.float32).min / 10
    return excess


def _grid(n_parts: int, spread: float) -> np.ndarray:
    """(G, 1 + n_parts) float64 weights to try, each row summing to 1; each set-model alone among them."""
    rows = [(1.0, *(spread * w for w in given)) for given in product(GRID, repeat=n_parts)]
    rows += [tuple(row) for row in np.eye(1 + n_parts)[1:]]
    grid = np.array(rows)
    return grid / grid.sum(axis=1, keepdims=True)


def _ranks(excess: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(n, G) int32 ranks of the targets among their shortlists; ties against the target."""
    out = np.zeros((len(excess), len(grid)), dtype=np.int32)
    for column, weights in enumerate(grid.astype(np.float32)):
        out[:, column] = np.count_nonzero(excess @ weights >= 0, axis=1)
    return out


def _longest(train_lengths: np.ndarray) -> np.ndarray:
    """The longest history of every bin but the last."""
    lengths = train_lengths[train_lengths > 0]
    if len(lengths) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.quantile(lengths, np.arange(1, LENGTH_BINS) / LENGTH_BINS, method="lower")).astype(np.int64)


def _choose(ranks: np.ndarray, bins: np.ndarray, n_bins: int) -> np.ndarray:
    """(n_bins,) grid row for each bin: the best for its users and `PRIOR_USERS` average ones."""
    n, n_weights = ranks.shape
    counts = np.zeros((n_bins, n_weights, K + 1), dtype=np.int64)
    near = np.where(ranks <= K, ranks, 0)
    np.add.at(
        counts, (bins[:, None], np.arange(n_weights)[None, :], near), 1
    )  # integers, so the order of users has no effect
    gains = counts @ _gains(K)  # (n_bins, G)
    return (gains + PRIOR_USERS * gains.sum(axis=0) / max(n, 1)).argmax(axis=1)


def _beats_transformer(ranks: np.ndarray, bins: np.ndarray, n_bins: int, keys: np.ndarray) -> bool:
    """Whether weights chosen on half the users beat the Transformer on the others, by more than the standard error."""
    gains = _gains(K)
    near = np.where(ranks <= K, ranks, 0)
    transformer = 0  # the grid's row of the Transformer alone
    won = np.zeros(len(ranks))
    for turn in range(ROUNDS):
        half = (keys >> np.uint64(turn)) & np.uint64(1) == 1
        for learning in (half, ~half):
            chosen = _choose(ranks[learning], bins[learning], n_bins)
            others = np.flatnonzero(~learning)
            won[others] += (gains[near[others, chosen[bins[others]]]] - gains[near[others, transformer]]) / ROUNDS
    mean = fsum(won) / max(len(won), 1)
    return mean > 0 and mean > (fsum((won - mean) ** 2) ** 0.5 / len(won))
