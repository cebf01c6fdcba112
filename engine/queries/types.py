"""The values that answer a person's questions about one user; `engine.queries.recommend` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from engine.recommender import Answering

View = Literal["evaluated", "full"]
"""`evaluated`: what was held out when the model was measured is hidden: the last event, or all after a cut in time.
`full`: every event is known."""

Cohort = Literal["head", "tail"]


@dataclass(frozen=True)
class Event:
    """One interaction as a person sees it.

    Attributes:
        position: place in the user's whole history, 1 is the oldest.
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
    """Who a user is.

    Attributes:
        train_length: events in the training part, by which cohorts are cut.
        attributes: by column name, as text.
        events: what is known of the user in the chosen view, oldest first.
        held_out: the (first) test target, which the `evaluated` view leaves out; None in the `full` view and for users
            of whom nothing is held out.
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
        history: the events it follows from, oldest first.
        items: best first.
        held_out: the (first) test target, if this view holds one out.
        held_out_rank: its rank among all unseen candidates, ties against it; None if it cannot be ranked.
        n_held_out: how many items this view holds out; more than one only where the log is cut in time.
        n_candidates: how many items could have been recommended.
        seconds: time to score and rank.
        model: what ranked.
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
        weights: (n_layers, n_heads, query, key) float32, NaN where nobody looks; see
            `engine.explanation.attention.Attention` for its rows.
        labels: a title for each query, oldest first; keys have the first of them. A query that is no event is called
            "[MASK]" or "START".
        item_ids: likewise; empty for what is no event.
        positions: likewise, places in the user's whole history, 1 is the oldest.
        heads: a row for each head; see `engine.explanation.attention.Attention`.
        kind: how the network reads: "causal", "bidirectional" (the last row is [MASK]), or "cross" (the last row is the
            decoder's, from START).
        n_events: L.
        reading: "raw"; "rollout", whose maps are one a layer; or "gradient". See
            `engine.explanation.attention.Attention`.
        relevance: (L,) float64 how much each event counts by this reading.
        categories: of the L events; None where the data names none.
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
    """One event, or the group of earlier ones, and what it did to the score.

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
    """One item's score held against another's, in causes that add up to the difference of the two scores.

    Attributes:
        item_id, title, rank: the other item's; a rank as in `Attribution`.
        score, base: the other's score, and its score with every event hidden.
        standing: how far apart the two are with every event hidden and nobody known: what the items are by themselves.
        history: how much more the events add to the item's score than to the other's.
        user: how much more what is known of the user does; None where nothing is known, or read.
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
        model: what was explained. In an ensemble an absent event is masked at its place
            for the Transformer and left out of the history for the set-models.
        shares: member -> its part of the score; they sum to the score.
        against: the item held against the first of the list, or the first against the second; None where there is no
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
        players: oldest first. `value` is the event's value for the first item less that for the second, and `spread`
            the standard error of this difference, paired order by order. Together with the difference of the bases
            they add up to the difference of the scores.
        against: the first held against the second.
    """

    first: Attribution
    second: Attribution
    players: tuple[Player, ...]
    against: ScoreDifference | None = None
