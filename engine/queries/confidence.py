"""The confidence of a list: its share of the softmax, at a temperature calibrated on users' next items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.recommender import score_chunks
from engine.runs.kept import Kept
from engine.runs.store import Run

CONFIDENCE = "confidence.json"
"""File in the run folder with the result of `fitted_temperatures`. It can be deleted at any time."""

MOST_USERS = 250
"""At most so many validation users are used for each length."""

FEWEST = 50
"""A length is used only if so many validation users have it."""

LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64)

TEMPERATURES = np.geomspace(0.02, 50, 33)

_VERSION = 2


@dataclass(frozen=True)
class Confidence:
    """The confidence of a list, by the softmax of scores / temperature over everything that can be recommended.

    It is the model's own belief about the list; `engine.analyses.cold_start` measures how often lists with a given
    share held the next item.

    Attributes:
        share: of the softmax on the first k, from 0 to 1.
        spread: exp of the softmax's entropy: the number of items over which it is effectively spread; 1 or more.
        k: length of the list.
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
    """The temperatures at which scores become shares, by the number of known events.

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
        """The temperature for a history of n events, interpolated on a logarithmic scale."""
        return float(np.exp(np.interp(np.log1p(n), np.log1p(self.lengths), np.log(self.values))))


def fitted_temperatures(run: Run) -> Temperatures:
    """The temperatures at which the softmax of the run's scores best predicts the validation users' next items.

    A Transformer's scores are logits, but over- or underconfident after training; an ensemble's are not logits, and its
    weights depend on the history's length. So each of the lengths 0, 1, 2, 4, ... gets its own temperature, fitted on
    the newest events of validation users. It does not change any ranking. It is stored in the run folder, if that is
    writable.

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
    """The temperatures from their stored values.

    Raises:
        ValueError: they are invalid.
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
    """The best temperature by the mean log share of validation targets, given the newest n events.

    The best of `TEMPERATURES`, refined by the minimum of the parabola through it and its two neighbours; 1 if no target
    can be ranked.
    """
    valid, exclude = run.split.valid, run.config.evaluation.seen_left_out
    drawn = np.random.default_rng(run.config.evaluation.seed).permutation(rows)[:MOST_USERS]
    asked = valid.take(np.sort(drawn))
    losses, told = np.zeros(len(TEMPERATURES)), 0
    for part, scores in score_chunks(run.serving, asked.histories.last(n), exclude_seen=False):
        for row, own in enumerate(scores, start=part.start):
            if exclude:  # the items of the full history, as in `engine.evaluation.fairness.truncation.rank_truncated`
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
