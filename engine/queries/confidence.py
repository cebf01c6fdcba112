"""How sure a list is: the share of the softmax on it, at a temperature that fits what users went on to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.recommender import score_chunks
from engine.runs.kept import Kept
from engine.runs.store import Run

CONFIDENCE = "confidence.json"
"""Of a run folder: the temperatures that `fitted_temperatures` found. It can be deleted at any time."""

MOST_USERS = 250
"""Validation users asked at most, at each length."""

FEWEST = 50
"""A length is asked about only where so many validation users have it."""

LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64)

TEMPERATURES = np.geomspace(0.02, 50, 33)

_VERSION = 2


@dataclass(frozen=True)
class Confidence:
    """How sure a list is, by the softmax of scores / temperature over everything that can be recommended.

    It is what the model believes of its whole list; `engine.analyses.cold_start` says how often lists of a given share
    held what came next.

    Attributes:
        share: of the softmax on the first k, from 0 to 1.
        spread: exp of the softmax's entropy: over how many items it would lie if it lay evenly; 1 or more.
        k: how many.
    """

    share: float
    spread: float
    k: int


def confidence_of(scores: np.ndarray, k: int, temperature: float = 1.0) -> Confidence | None:
    """The confidence of the k best of (n_items + 1,) scores, -inf where an item cannot be recommended; None without."""
    known = scores[np.isfinite(scores)].astype(np.float64) / temperature
    if len(known) == 0:
        return None
    shares = np.exp(known - known.max())
    shares /= shares.sum()
    entropy = -float((shares * np.log(np.maximum(shares, 1e-300))).sum())
    best = np.partition(shares, len(shares) - min(k, len(shares)))[-k:]
    return Confidence(min(float(best.sum()), 1.0), float(np.exp(max(entropy, 0.0))), k)


@dataclass(frozen=True)
class Temperatures:
    """At which temperature scores are read as shares, by the number of events known.

    Attributes:
        lengths: numbers of events, rising.
        values: the temperature at each.

    >>> known = engine.Temperatures(lengths=(1, 5), values=(2.0, 1.0))
    >>> [round(known.at(n), 2) for n in (1, 2, 5, 8)]
    [2.0, 1.55, 1.0, 1.0]
    """

    lengths: tuple[int, ...] = (0,)
    values: tuple[float, ...] = (1.0,)

    def at(self, n: int) -> float:
        """The temperature for a history of n events, between its neighbours' on a scale of logarithms."""
        return float(np.exp(np.interp(np.log1p(n), np.log1p(self.lengths), np.log(self.values))))


def fitted_temperatures(run: Run) -> Temperatures:
    """The temperatures at which the run's scores, as a softmax, best foretell the validation users' next items.

    A Transformer's scores are logits, but training leaves them too sure or too timid; an ensemble's never were logits,
    and its weights change with the history's length. So users are asked with their newest 0, 1, 2, 4, ... events, and
    each length gets its own number. That changes no order, and is fitted on validation users alone. It is kept in the
    run folder, where that can be written to.

    Source: Guo et al., "On calibration of modern neural networks" (ICML 2017), temperature scaling.

    >>> found = engine.fitted_temperatures(run)
    >>> len(found.lengths) == len(found.values), found.at(3) > 0
    (True, True)
    """
    depends_on = {"model": run.answers, "users": MOST_USERS}
    if (held := _KEPT.load(run, **depends_on)) is not None:
        return held
    lengths = run.split.valid.histories.lengths
    fitted: dict[int, float] = {}
    for n in LENGTHS:
        rows = np.flatnonzero(lengths >= n)
        if len(rows) < min(FEWEST, len(lengths)):
            break
        fitted[n] = _fit(run, rows, n)
    found = Temperatures(tuple(fitted), tuple(fitted.values())) if fitted else Temperatures()
    return _KEPT.save(run, found, **depends_on)


def _temperatures(kept: Mapping[str, Any]) -> Temperatures:
    """What was kept of them.

    Raises:
        ValueError: they are none.
    """
    found = Temperatures(tuple(map(int, kept["lengths"])), tuple(map(float, kept["temperatures"])))
    if not len(found.lengths) == len(found.values) > 0 or not all(0 < value < np.inf for value in found.values):
        raise ValueError("these are no temperatures")
    return found


_KEPT: Kept[Temperatures] = Kept(
    CONFIDENCE,
    _VERSION,
    lambda found: {"lengths": list(found.lengths), "temperatures": list(found.values)},
    _temperatures,
)


def _fit(run: Run, rows: np.ndarray, n: int) -> float:
    """The best temperature, by the mean log share of validation targets, with the newest n events known.

    The best of `TEMPERATURES`, then the bottom of the parabola through it and its two neighbours; 1 where no target can
    be ranked.
    """
    valid, exclude = run.split.valid, run.config.evaluation.seen_left_out
    drawn = np.random.default_rng(run.config.evaluation.seed).permutation(rows)[:MOST_USERS]
    asked = valid.take(np.sort(drawn))
    losses, told = np.zeros(len(TEMPERATURES)), 0
    for part, scores in score_chunks(run.serving, asked.histories.last(n), exclude_seen=False):
        for row, own in enumerate(scores, start=part.start):
            if exclude:  # what the whole history holds, as in `engine.evaluation.fairness.truncation.rank_truncated`
                own[asked.histories[row]] = -np.inf
            target = float(own[asked.targets[row][0]])
            if not np.isfinite(target):
                continue
            above = own[np.isfinite(own)].astype(np.float64) - target
            top = above.max() / TEMPERATURES
            losses += top + np.log(np.exp(above[:, None] / TEMPERATURES - top).sum(axis=0))
            told += 1
    if told == 0:
        return 1.0
    at = int(np.clip(losses.argmin(), 1, len(losses) - 2))
    left, middle, right = losses[at - 1 : at + 2]
    bend = left - 2 * middle + right
    step = float(np.clip((left - right) / (2 * bend), -1, 1)) if bend > 0 else 0.0
    return float(TEMPERATURES[at] * (TEMPERATURES[1] / TEMPERATURES[0]) ** step)
