"""The results of queries about one user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from engine.recommender import Answering

View = Literal["evaluated", "full"]
"""`evaluated`: held-out events are hidden: the last event, or all after the cutoff in time.
`full`: every event is known."""

Cohort = Literal["head", "tail"]


@dataclass(frozen=True)
class Event:
    """One interaction, for display.

    Attributes:
        position: place in the user's full history, 1 is the oldest.
        item_id, title, category: the item's; the category is None where the data has none.
        time: when, in UTC; None in a log without times.
        item_cohort: whether the item is a head or a tail item.
    """

    position: int
    item_id: str
    title: str
    category: str | None
    time: datetime | None
    item_cohort: Cohort


@dataclass(frozen=True)
class UserProfile:
    """A user's profile.

    Attributes:
        train_length: events in the training part, which decide the cohort.
        attributes: by column name, as text.
        events: the user's events in the chosen view, oldest first.
        held_out: the (first) test target, which the `evaluated` view hides; None in the `full` view and for users
            without held-out events.
    """

    user_id: str
    cohort: Cohort
    train_length: int
    attributes: dict[str, str]
    events: tuple[Event, ...]
    held_out: Event | None


@dataclass(frozen=True)
class RankedItem:
    """One recommendation: `score` is what ranks it for this user, `is_held_out` marks test targets."""

    rank: int
    item_id: str
    title: str
    category: str | None
    score: float
    item_cohort: Cohort
    is_held_out: bool


@dataclass(frozen=True)
class Recommendations:
    """A ranked list for one user.

    Attributes:
        user_id: None for a user who is not in the data.
        history: the events it is based on, oldest first.
        items: best first.
        held_out: the (first) test target, if this view holds one out.
        held_out_rank: its rank among all unseen candidates, ties against it; None if it cannot be ranked.
        n_held_out: how many items this view holds out; more than one only with the temporal protocol.
        n_candidates: how many items could have been recommended.
        seconds: time to score and rank.
        model: the answering model.
    """

    user_id: str | None
    view: View
    history: tuple[Event, ...]
    items: tuple[RankedItem, ...]
    held_out: Event | None
    held_out_rank: int | None
    n_held_out: int
    n_candidates: int
    seconds: float
    model: Answering


@dataclass(frozen=True)
class AttentionMap:
    """Attention over a user's most recent L events, with its axis labels.

    Attributes:
        user_id: None for a user who is not in the data.
        weights: (n_layers, n_heads, query, key) float32, NaN where attention is impossible; see
            `engine.explanation.attention.Attention` for its rows.
        labels: a title for each query, oldest first; keys have the first of them. A query that is not an event is
            called "[MASK]" or "START".
        item_ids: likewise; empty for a query that is not an event.
        positions: likewise, places in the user's full history, 1 is the oldest.
        heads: a row for each head; see `engine.explanation.attention.Attention`.
        kind: how the network reads: "causal", "bidirectional" (the last row is [MASK]), or "cross" (the last row is the
            decoder's, from START).
        n_events: L.
        reading: "raw"; "rollout", with one map per layer; or "gradient". See
            `engine.explanation.attention.Attention`.
        relevance: (L,) float64 how much each event counts by this reading.
        categories: of the L events; None where the data has none.
        item_id, title: the item whose score "gradient" is about; empty for other readings.
    """

    user_id: str | None
    weights: np.ndarray
    labels: tuple[str, ...]
    item_ids: tuple[str, ...]
    positions: tuple[int, ...]
    heads: pd.DataFrame
    kind: Literal["causal", "bidirectional", "cross"]
    n_events: int
    reading: Literal["raw", "rollout", "gradient"]
    relevance: np.ndarray
    categories: tuple[str | None, ...]
    item_id: str
    title: str


@dataclass(frozen=True)
class Player:
    """One event, or the group of earlier ones, and its effect on the score.

    Attributes:
        label: the event's title; empty for the group.
        item_id, position: None for the group.
        n_events: 1, or the group's size.
        value: Shapley value, in units of the score.
        spread: standard error of the value over sampled orders; 0 when exact.
    """

    label: str
    item_id: str | None
    position: int | None
    n_events: int
    value: float
    spread: float


@dataclass(frozen=True)
class ScoreDifference:
    """Why two items' scores differ: causes that sum to the difference of the scores.

    Attributes:
        item_id, title, rank: the other item's; a rank as in `Attribution`.
        score, base: the other's score, and its score with every event hidden.
        standing: how far apart the two are with every event hidden and no attributes: the items by themselves.
        history: how much more the events add to the item's score than to the other's.
        user: how much more the user's attributes add; None where none is known or used.
        n_training, n_training_other: the items' training events.
    """

    item_id: str
    title: str
    rank: int | None
    score: float
    base: float
    standing: float
    history: float
    user: float | None
    n_training: int
    n_training_other: int


@dataclass(frozen=True)
class Attribution:
    """Why one item has its score: `base` plus the players' values is `score`.

    Attributes:
        user_id: None for a user who is not in the data.
        rank: the item's rank among unseen candidates; None if it was seen.
        score, base: the item's score with all events, and with none; the Transformer's is a raw logit.
        players: oldest first.
        exact: whether every subset of events was evaluated.
        n_evaluations: how many partly hidden histories were scored.
        seconds: time it took.
        model: the explained model. In an ensemble an absent event is masked at its place for the Transformer and
            removed from the history for the set-models.
        shares: member -> its part of the score; they sum to the score.
        against: the item compared with the first of the list, or the first with the second; None where there is no
            other.
    """

    user_id: str | None
    item_id: str
    title: str
    rank: int | None
    score: float
    base: float
    players: tuple[Player, ...]
    exact: bool
    n_evaluations: int
    seconds: float
    model: Answering
    shares: dict[str, float]
    against: ScoreDifference | None = None


@dataclass(frozen=True)
class Contrast:
    """Why one item scores above another: what each event adds to the difference of their scores.

    Attributes:
        first, second: the items' own explanations, from the same hidden histories.
        players: oldest first. `value` is the event's value for the first item minus that for the second, and `spread`
            the standard error of this difference, paired order by order. Together with the difference of the bases
            they sum to the difference of the scores.
        against: the first compared with the second.
    """

    first: Attribution
    second: Attribution
    players: tuple[Player, ...]
    against: ScoreDifference | None = None
