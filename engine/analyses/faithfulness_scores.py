"""The faithfulness of each explanation method: areas under curves with intervals over users, and other checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.evaluation.stats.bootstrap import Estimate, Levels, percentile_estimate, resampled_means
from engine.explanation.faithfulness import GRID, Curves
from engine.recommender import Answering


@dataclass(frozen=True)
class Aucs:
    """Areas under the two curves over some users, relative to what their histories add to the score.

    Attributes:
        deletion_auc: lower is better.
        insertion_auc: higher is better.
        n: users.
    """

    deletion_auc: Estimate
    insertion_auc: Estimate
    n: int


@dataclass(frozen=True)
class MethodScore:
    """The faithfulness of one method.

    Attributes:
        overall: over all users, with cohorts weighted by their shares among the eligible users.
        users: of "head" and of "tail"; without empty cohorts, and those whose histories add nothing to the scores, or
            so little that its sign varies over the resamples.
        against: "shap" and "random", unless this is the method itself: this one's areas minus theirs on the same users.
        deletion: (STEPS + 1,) mean curve along `GRID`, 1 where nothing is hidden.
        insertion: likewise, 0 where nothing is shown.
    """

    overall: Aucs
    users: dict[str, Aucs]
    against: dict[str, Aucs]
    deletion: np.ndarray
    insertion: np.ndarray


def summarise(
    found: Sequence[Curves],
    cohorts: Sequence[str],
    methods: Sequence[str],
    shares: Mapping[str, float],
    samples: int,
    confidence: float,
    seed: int,
) -> dict[str, MethodScore]:
    """Areas with intervals over users, and mean curves.

    Users are resampled within each cohort (a stratified bootstrap), the same ones for all methods and for both sums of
    the quotient; intervals are percentile intervals.

    Args:
        found: one for each user.
        cohorts: of each user.
        methods: names, in the order of the curves.
        shares: weight of each cohort in the overall figures; sums to 1.
        samples: how many resamples.
        confidence: of the intervals.
        seed: of the resamples.

    Raises:
        EngineError: the histories add nothing to the scores.
    """
    table = np.stack([np.concatenate([[c.full - c.base], c.deletion_area, c.insertion_area]) for c in found])
    side = np.asarray(cohorts)
    rng = np.random.default_rng(seed)
    present = [cohort for cohort in shares if (side == cohort).any()]
    plain = {c: table[side == c].mean(axis=0) for c in present}
    drawn = {c: resampled_means(Levels.of(table), side == c, samples, rng) for c in present}
    weights = {c: shares[c] / sum(shares[p] for p in present) for c in present}
    plain["overall"] = sum((weights[c] * plain[c] for c in present), np.zeros(table.shape[1]))
    drawn["overall"] = sum((weights[c] * drawn[c] for c in present), np.zeros((samples, table.shape[1])))
    if plain["overall"][0] <= 0 or not (drawn["overall"][:, 0] > 0).any():
        raise EngineError(
            "Over {n_found} users, histories add {plain:.3g} to the score of what is recommended, so there "
            "is nothing to explain; train for longer, or ask more users.",
            n_found=len(found),
            plain=plain["overall"][0],
        )
    n = {**{c: int((side == c).sum()) for c in present}, "overall": len(side)}
    m = len(methods)

    def aucs(group: str, at: int, minus: int | None = None) -> Aucs:
        both: list[Estimate] = []
        for first in (1, 1 + m):
            with np.errstate(invalid="ignore", divide="ignore"):
                take = [rows[..., first + at] - (0 if minus is None else rows[..., first + minus]) for rows in
                        (plain[group], drawn[group])]  # fmt: skip
                adds = drawn[group][:, 0] > 0  # a quotient by zero or less is not a share
                value, resamples = take[0] / plain[group][0], take[1][adds] / drawn[group][adds, 0]
            both.append(percentile_estimate(float(value), resamples, confidence))
        return Aucs(both[0], both[1], n[group])

    open_sign = (1 - confidence) / 2
    said = {c: plain[c][0] > 0 and bool((drawn[c][:, 0] <= 0).mean() <= open_sign) for c in present}
    others = {name: methods.index(name) for name in ("shap", "random") if name in methods}
    gains = table[:, 0]
    per_user = np.array([weights[c] / n[c] for c in side])
    out = {}
    for at, name in enumerate(methods):
        mean = [per_user @ np.stack([c.__dict__[part][at] for c in found]) / (per_user @ gains)
                for part in ("deletion", "insertion")]  # fmt: skip
        against = {other: aucs("overall", at, place) for other, place in others.items() if place != at}
        whole, parts = aucs("overall", at), {c: aucs(c, at) for c in present if said[c]}
        out[name] = MethodScore(whole, parts, against, mean[0], mean[1])
    return out


def mean_correlation(pairs: Sequence[float], samples: int, confidence: float, seed: int) -> Estimate | None:
    """Mean of users' correlations with its interval; None where no user has one."""
    known = np.asarray([value for value in pairs if np.isfinite(value)])
    if len(known) == 0:
        return None
    drawn = resampled_means(Levels.of(known[:, None]), np.ones(len(known), bool), samples, np.random.default_rng(seed))
    return percentile_estimate(float(known.mean()), drawn[:, 0], confidence)


@dataclass(frozen=True)
class Faithfulness:
    """How well each explanation method names what moves the scores of a run's recommendations.

    Attributes:
        run: its name.
        answers: the model whose scores SHAP and the curves use; attention is always the Transformer's.
        n_users: users, by cohort.
        n_lowered: users whose history lowers the score of their recommendation.
        seed: of users, orders and resamples.
        methods: name to score; see `engine.explanation.faithfulness.METHODS`.
        agreement: (method, method) to the mean rank correlation of two methods over users.
        stability: of SHAP, the mean rank correlation between two seeds; attention has no seed.
        sanity: method to the mean rank correlation between the trained Transformer and one with random weights (Adebayo
            et al., "Sanity checks for saliency maps", NeurIPS 2018): an explanation that does not change says nothing
            about what was learnt. SHAP is that of the Transformer alone here, since the other members of an ensemble
            have no weights to randomise.
        n_checked: users behind stability and sanity.
        seconds: time it took.
    """

    run: str
    answers: Answering
    n_users: dict[str, int]
    n_lowered: int
    seed: int
    methods: dict[str, MethodScore]
    agreement: dict[tuple[str, str], Estimate]
    stability: Estimate | None
    sanity: dict[str, Estimate]
    n_checked: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "run": self.run,
            "answers": self.answers,
            "n_users": self.n_users,
            "n_lowered": self.n_lowered,
            "seed": self.seed,
            "methods": {
                name: {
                    **_areas(score.overall),
                    "users": {cohort: {**_areas(part), "n": part.n} for cohort, part in score.users.items()},
                }
                for name, score in self.methods.items()
            },
            "against": {
                name: {other: _areas(found) for other, found in score.against.items()}
                for name, score in self.methods.items()
            },
            "curves": {
                "share": GRID.tolist(),
                "deletion": {name: score.deletion.tolist() for name, score in self.methods.items()},
                "insertion": {name: score.insertion.tolist() for name, score in self.methods.items()},
            },
            "agreement": [{"methods": list(pair), **value.to_dict()} for pair, value in self.agreement.items()],
            "stability": None if self.stability is None else {"shap": self.stability.to_dict()},
            "sanity": {name: value.to_dict() for name, value in self.sanity.items()},
            "n_checked": self.n_checked,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Faithfulness:
        """The inverse of to_dict."""
        n_all = sum(values["n_users"].values())
        against, drawn = values["against"], values["curves"]
        methods = {
            name: MethodScore(
                _aucs(found, n_all),
                {cohort: _aucs(part, part["n"]) for cohort, part in found["users"].items()},
                {other: _aucs(areas, n_all) for other, areas in against[name].items()},
                np.asarray(drawn["deletion"][name]),
                np.asarray(drawn["insertion"][name]),
            )
            for name, found in values["methods"].items()
        }
        stable = values["stability"]
        return cls(
            values["run"],
            values["answers"],
            values["n_users"],
            values["n_lowered"],
            values["seed"],
            methods,
            {(e["methods"][0], e["methods"][1]): _estimate(e) for e in values["agreement"]},
            None if stable is None else _estimate(stable["shap"]),
            {name: _estimate(e) for name, e in values["sanity"].items()},
            values["n_checked"],
            values["seconds"],
        )


def _areas(found: Aucs) -> dict[str, Any]:
    return {key: value for key, value in asdict(found).items() if key != "n"}


def _aucs(values: Mapping[str, Any], n: int) -> Aucs:
    return Aucs(_estimate(values["deletion_auc"]), _estimate(values["insertion_auc"]), n)


def _estimate(values: Mapping[str, Any]) -> Estimate:
    return Estimate(values["value"], values["low"], values["high"])


@dataclass(frozen=True)
class Retraining:
    """Whether another training on the same data is explained similarly.

    Attributes:
        run, other: names of the two runs.
        n_users: users in both.
        methods: method to the mean rank correlation of the events' importance for the same user and item.
    """

    run: str
    other: str
    n_users: int
    methods: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
