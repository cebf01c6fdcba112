"""The faithfulness of a run's explanations, measured on its test users and kept in its folder."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from engine.analyses.faithfulness_scores import Faithfulness, Retraining, mean_correlation, summarise
from engine.analyses.user_sample import tested_users
from engine.data.dataset import Histories
from engine.errors import EngineError
from engine.evaluation.stats.bootstrap import Estimate
from engine.explanation.faithfulness import (
    METHODS,
    Curves,
    Question,
    explainer_of,
    question_curves,
    rank_correlation,
    shap_of,
)
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import TransformerRecommender, mask_seen, top_of
from engine.runs.kept import Kept, settings_of
from engine.runs.store import Run

FAITHFULNESS = "faithfulness.json"
"""File in the run folder with the result of `faithfulness_of`. It can be deleted at any time."""

USERS = 200
"""Default number of users."""

CHECKED = 50
"""At most so many of them for stability over seeds, retraining and randomised weights, which need SHAP again."""

SHORTEST = 3
"""Events that a history needs to compare orders of its events."""

_VERSION = 1

_CURVES = 0.7  # share of the progress until the curves are done


def faithfulness_of(run: Run, users: int = USERS, seed: int = 0, on_progress: OnProgress = ignore) -> Faithfulness:
    """The faithfulness of the explanations of a run's top recommendations.

    Half of the users are from the head and half from the tail, if there are enough; overall figures weight the cohorts
    by their shares among all test users. For each user the top recommendation is explained, from the history of the
    evaluation. The result is kept in the run folder, if that is writable.

    Args:
        run: a whole run.
        users: how many at most.
        seed: of the users, of SHAP's orders, of random orders and of the resamples.
        on_progress: called as the work proceeds.

    Raises:
        EngineError: `users` is under 2, or no tested user has two events and something left to recommend.

    >>> found = engine.faithfulness_of(run, users=4)
    >>> found.n_users, sorted(found.methods)
    ({'head': 2, 'tail': 2}, ['attention', 'gradient_attention', 'random', 'recency', 'rollout', 'shap'])
    >>> found.methods["shap"].overall.deletion_auc.low <= found.methods["shap"].overall.deletion_auc.high
    True
    """
    if users < 2:
        raise EngineError("users ({users}) must be 2 or more: one has no interval.", users=users)
    held = kept_faithfulness(run, users, seed)
    if held is not None:
        return held
    start = time.perf_counter()
    asked, shares = questions(run, users, seed)
    explain = explainer_of(run.serving, run.recommender, seed)
    importances: list[dict[str, np.ndarray]] = []
    found: list[Curves] = []
    for at, question in enumerate(asked):
        on_progress(Progress("explain", _CURVES * at / len(asked), f"Curves of user {at + 1:,} of {len(asked):,}"))
        importances.append(dict(explain(question)))
        rng = np.random.default_rng((seed, question.user))
        found.append(question_curves(run.serving, question, importances[-1], rng))
    config = run.config.evaluation
    samples, confidence = config.bootstrap_samples, config.confidence
    methods = summarise(found, [q.cohort for q in asked], METHODS, shares, samples, confidence, seed)

    def correlate(pairs: list[float]) -> Estimate | None:
        return mean_correlation(pairs, samples, confidence, seed)

    n_checked, stability, sanity = _checked(run, asked, importances, seed, on_progress)
    result = Faithfulness(
        run.name,
        run.answers,
        {cohort: sum(q.cohort == cohort for q in asked) for cohort in shares},
        sum(curve.full <= curve.base for curve in found),
        seed,
        methods,
        {pair: e for pair, values in _agreement(asked, importances).items() if (e := correlate(values)) is not None},
        correlate(stability),
        {name: e for name, values in sanity.items() if (e := correlate(values)) is not None},
        n_checked,
        time.perf_counter() - start,
    )
    on_progress(Progress("explain", 1.0, "Measured"))
    return _KEPT.save(run, result, **_depends_on(run, users, seed))


def kept_faithfulness(run: Run, users: int | None = None, seed: int | None = None) -> Faithfulness | None:
    """The kept result for the run as it is, this number of users and this seed, or any if not given.

    >>> _ = engine.faithfulness_of(run, users=4)
    >>> engine.kept_faithfulness(run, users=4).n_users
    {'head': 2, 'tail': 2}
    >>> engine.kept_faithfulness(run, users=5) is None
    True
    """
    kept = _KEPT.asked(run)
    users, seed = kept.get("users") if users is None else users, kept.get("seed") if seed is None else seed
    return None if users is None or seed is None else _KEPT.load(run, **_depends_on(run, users, seed))


def _depends_on(run: Run, users: int, seed: int) -> dict[str, Any]:
    return {"settings": settings_of(run), "users": users, "seed": seed}


_KEPT = Kept(FAITHFULNESS, _VERSION, Faithfulness.to_dict, Faithfulness.from_dict)


def questions(run: Run, users: int, seed: int) -> tuple[list[Question], dict[str, float]]:
    """The scores to explain, and each cohort's share of all eligible test users.

    Raises:
        EngineError: no user is eligible.
    """
    test = run.split.test
    chosen, shares = tested_users(run, users, seed)
    out: list[Question] = []
    for cohort, rows in chosen.items():
        histories = [test.histories[int(row)][-run.serving.max_len :] for row in rows]
        for row, history, item in zip(rows, histories, _recommended(run, rows), strict=True):
            if item > 0:
                out.append(Question(int(test.users[row]), history, int(item), cohort))
    if not out:
        raise EngineError("No tested user has two events and something left to recommend, so nothing can be explained.")
    present = {question.cohort for question in out}
    whole = sum(shares[cohort] for cohort in present)
    return out, {cohort: share / whole for cohort, share in shares.items() if cohort in present}


def _recommended(run: Run, rows: np.ndarray) -> np.ndarray:
    """(n,) the top recommendation of each test user; 0 if there is none."""
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int32)
    test = run.split.test
    given = Histories.of([test.histories[int(row)] for row in rows], test.users[rows].tolist())
    scores = run.serving.score(given)
    return top_of(mask_seen(scores, given) if run.config.evaluation.seen_left_out else scores, 1)[0][:, 0]


def _agreement(asked: list[Question], importances: list[dict[str, np.ndarray]]) -> dict[tuple[str, str], list[float]]:
    """Rank correlations of every two methods for each user; recency is one of them."""
    names = [name for name in METHODS if name != "random"]
    out: dict[tuple[str, str], list[float]] = {}
    for question, found in zip(asked, importances, strict=True):
        if len(question.history) < SHORTEST:
            continue
        known = {**found, "recency": np.arange(len(question.history), dtype=float)}
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                out.setdefault((first, second), []).append(rank_correlation(known[first], known[second]))
    return out


def _checked(
    run: Run,
    asked: list[Question],
    importances: list[dict[str, np.ndarray]],
    seed: int,
    on_progress: OnProgress,
) -> tuple[int, list[float], dict[str, list[float]]]:
    """The checked users, SHAP's rank correlations between two seeds, and each method's with randomised weights."""
    rows = _spread(asked)
    random = randomised(run.recommender, seed)
    stability: list[float] = []
    sanity: dict[str, list[float]] = {}
    for turn, at in enumerate(rows):
        share = _CURVES + (1 - _CURVES) * turn / len(rows)
        on_progress(Progress("explain", share, f"Seeds and random weights, user {turn + 1:,} of {len(rows):,}"))
        question, found = asked[at], importances[at]
        stability.append(rank_correlation(found["shap"], shap_of(run.serving, question, seed + 1)))
        alone = _for(run.recommender, question)
        learnt = explainer_of(run.recommender, run.recommender, seed)(alone)
        for name, values in explainer_of(random, random, seed)(alone).items():
            sanity.setdefault(name, []).append(rank_correlation(learnt[name], values))
    return len(rows), stability, sanity


def _spread(asked: list[Question]) -> list[int]:
    """Up to `CHECKED` of the users whose histories are long enough, evenly over both cohorts."""
    rows = [at for at, question in enumerate(asked) if len(question.history) >= SHORTEST]
    if len(rows) <= CHECKED:
        return rows
    return [rows[at] for at in np.linspace(0, len(rows) - 1, CHECKED).round().astype(int)]


def _for(network: TransformerRecommender, question: Question) -> Question:
    return Question(question.user, question.history[-network.max_len :], question.item, question.cohort)


def randomised(recommender: TransformerRecommender, seed: int) -> TransformerRecommender:
    """The same network with weights as before training."""
    network = copy.deepcopy(recommender.network)
    network.initialise(torch.Generator().manual_seed(seed))
    return TransformerRecommender(network, recommender.candidates)


def retraining(run: Run, other: Run, users: int = USERS, seed: int = 0, on_progress: OnProgress = ignore) -> Retraining:
    """How similarly two runs explain the same item to the same users from the same events.

    Users, events and items are matched by their ids. Each run explains its own score of the first run's recommendation.

    Raises:
        EngineError: no user is eligible in both.

    >>> same = engine.retraining(run, run, users=4)
    >>> same.n_users, sorted(same.methods)
    (4, ['attention', 'gradient_attention', 'rollout', 'shap'])
    """
    asked, _ = questions(run, users, seed)
    rows = _spread(asked)
    pairs: dict[str, list[float]] = {}
    explainers = explainer_of(run.serving, run.recommender, seed), explainer_of(other.serving, other.recommender, seed)
    n = 0
    for turn, at in enumerate(rows):
        on_progress(Progress("explain", turn / len(rows), f"Retrained, user {turn + 1:,} of {len(rows):,}"))
        twin = _twin(run, other, asked[at])
        if twin is None:
            continue
        n += 1
        first, second = (_newest(e(q), len(twin.history)) for e, q in zip(explainers, (asked[at], twin), strict=True))
        for name, values in first.items():
            pairs.setdefault(name, []).append(rank_correlation(values, second[name]))
    if n == 0:
        raise EngineError(
            "Run {other_name!r} knows none of the users, events and items that {run_name!r} was asked about; "
            "give a run that was trained on the same data.",
            other_name=other.name,
            run_name=run.name,
        )
    config = run.config.evaluation
    means = {m: mean_correlation(v, config.bootstrap_samples, config.confidence, seed) for m, v in pairs.items()}
    return Retraining(run.name, other.name, n, {name: e for name, e in means.items() if e is not None})


def _newest(found: Mapping[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    return {name: values[-n:] for name, values in found.items()}


def _twin(run: Run, other: Run, question: Question) -> Question | None:
    """The same score to explain in another run, with the events that both know; None if it does not know them."""
    history = question.history[-other.serving.max_len :]
    ids = run.dataset.items.ids_of(np.append(history, question.item))
    items = other.dataset.items.indices_of(ids.tolist())
    user = other.dataset.users.index_of(str(run.dataset.users.id_of(question.user)), missing=-1)
    if user < 0 or (items < 0).any() or not other.split.candidates[items[-1]]:
        return None
    return Question(user, items[:-1], int(items[-1]), question.cohort)
