"""What is said of head against tail, of a model against another, and of what a change of models did. Plain text.

Every sentence about a difference is made here or in `dashboard.text.fairness`, from figures alone, and is checked
against all signs, orders, intervals and gaps in the figures by `tests/unit/dashboard/text/test_statements.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import engine
from dashboard.text.common import cohort_name, estimate, listing, metric_name, model_name
from dashboard.text.i18n import _, count, figure, ngettext, percent, signed

if TYPE_CHECKING:
    from engine import Comparison, Estimate, Evaluation, Gap, GapByAllMetrics, GapChange, RunConfig

By = Literal["users", "items"]
Told = Literal["worse", "better", "even", "few"]

LOG_RANK = "log_rank"
PLACED = ("ndcg", "mrr", "map")
"""Families that count how high in the list a right item stands, where the hit rate asks only whether it is there."""


@dataclass(frozen=True)
class Verdict:
    """A sentence, what supports it, and which way it points."""

    kind: Told
    text: str
    evidence: str


def verdict_of(evaluation: Evaluation, metric: str, model: str, settings: RunConfig, by: By = "users") -> Verdict:
    """The verdict on a model from all that was measured.

    Raises:
        EngineError: the metric or the model was not measured, or a cohort is empty.
    """
    return verdict(engine.gap_by_all_metrics(evaluation, metric, model, by, settings.evaluation), by)


def verdict(found: GapByAllMetrics, by: By = "users") -> Verdict:
    """Whether tail users (or items) fare worse than head, better, or neither can be told, and what all metrics say."""
    gap = found.gap
    return Verdict(gap.verdict, _verdict_text(found, by), _evidence(found))


def _verdict_text(found: GapByAllMetrics, by: By) -> str:
    gap = found.gap
    total = count(gap.n_head + gap.n_tail)
    if gap.verdict == "few":
        smaller = "head" if gap.n_head <= gap.n_tail else "tail"
        return ngettext(
            "Too few users to tell: the smaller cohort, {cohort}, has {n} tested user.",
            "Too few users to tell: the smaller cohort, {cohort}, has {n} tested users.",
            min(gap.n_head, gap.n_tail),
        ).format(cohort=cohort_name(smaller).lower(), n=count(min(gap.n_head, gap.n_tail)))
    hits = found.hits if by == "users" and gap.metric.partition("@")[0] in PLACED else None
    if hits is not None and hits.verdict != gap.verdict and hits.verdict != "few":
        return _parted(gap, hits)
    if gap.verdict == "even":
        return {
            "users": _("No clear difference between tail and head users on {n} users."),
            "items": _("No clear difference between tail and head items on {n} users."),
        }[by].format(n=total)
    return _one_way(gap, by)


def _parted(gap: Gap, hits: Gap) -> str:
    """A verdict where place and presence in the list say different things."""
    if gap.verdict == "even":
        text = {
            "worse": _(
                "Tail users are offered the right item less often than head users; by {metric}, where its place in the "
                "list counts too, there is no clear difference on {n} users."
            ),
            "better": _(
                "Tail users are offered the right item more often than head users; by {metric}, where its place in the "
                "list counts too, there is no clear difference on {n} users."
            ),
        }[hits.verdict]
        return text.format(metric=metric_name(gap.metric), n=count(gap.n_head + gap.n_tail))
    text = {
        ("worse", "even"): _(
            "Tail users are offered the right item as often as head users, but lower in the list: {amount} worse by "
            "{metric} on {n} users."
        ),
        ("worse", "better"): _(
            "Tail users are offered the right item more often than head users, but lower in the list: {amount} worse "
            "by {metric} on {n} users."
        ),
        ("better", "even"): _(
            "Tail users are offered the right item as often as head users, and higher in the list: {amount} better by "
            "{metric} on {n} users."
        ),
        ("better", "worse"): _(
            "Tail users are offered the right item less often than head users, but higher in the list: {amount} better "
            "by {metric} on {n} users."
        ),
    }[gap.verdict, hits.verdict]
    return text.format(amount=_amount(gap), metric=metric_name(gap.metric), n=count(gap.n_head + gap.n_tail))


def _one_way(gap: Gap, by: By) -> str:
    """A verdict of worse or of better."""
    total, worse = count(gap.n_head + gap.n_tail), gap.verdict == "worse"
    if gap.metric == LOG_RANK:
        text = {
            ("users", True): _(
                "This model ranks right items lower for tail users, at {tail}, than for head users, at "
                "{head}, on {n} users."
            ),
            ("users", False): _(
                "This model ranks right items higher for tail users, at {tail}, than for head users, at "
                "{head}, on {n} users."
            ),
            ("items", True): _(
                "This model ranks tail items lower, at {tail}, than head items, at {head}, on {n} users."
            ),
            ("items", False): _(
                "This model ranks tail items higher, at {tail}, than head items, at {head}, on {n} users."
            ),
        }[by, worse]
        return text.format(tail=rank_of(gap.tail.value), head=rank_of(gap.head.value), n=total)
    if _has_ratio(gap) and gap.ratio is not None and not worse and gap.ratio.value >= 2:
        text = {
            "users": _(
                "This model serves tail users {times} times ({low} to {high}) as well as head users on {n} users."
            ),
            "items": _(
                "This model finds tail items {times} times ({low} to {high}) as well as head items on {n} users."
            ),
        }[by]
        ratio = gap.ratio
        return text.format(times=figure(ratio.value, 2), low=figure(ratio.low, 2), high=figure(ratio.high, 2), n=total)
    if not _has_ratio(gap):
        text = {
            ("users", True): _("This model serves tail users worse than head users, by {amount}, on {n} users."),
            ("users", False): _("This model serves tail users better than head users, by {amount}, on {n} users."),
            ("items", True): _("This model finds tail items worse than head items, by {amount}, on {n} users."),
            ("items", False): _("This model finds tail items better than head items, by {amount}, on {n} users."),
        }[by, worse]
        return text.format(amount=_amount(gap), n=total)
    text = {
        ("users", True): _("This model serves tail users {amount} worse than head users on {n} users."),
        ("users", False): _("This model serves tail users {amount} better than head users on {n} users."),
        ("items", True): _("This model finds tail items {amount} worse than head items on {n} users."),
        ("items", False): _("This model finds tail items {amount} better than head items on {n} users."),
    }[by, worse]
    return text.format(amount=_amount(gap), n=total)


def _has_ratio(gap: Gap) -> bool:
    """Whether a multiple can be told: nothing is "89 % better" for being at rank 50 instead of 8."""
    known = gap.ratio is not None and all(map(math.isfinite, (gap.ratio.value, gap.ratio.low, gap.ratio.high)))
    return known and engine.term_of(gap.metric).better == "higher"


def _amount(gap: Gap) -> str:
    """How much worse or better, as a share of the head's figure where that can be told, with its interval."""
    if _has_ratio(gap) and gap.ratio is not None:
        sign = 1 if gap.ratio.value >= 1 else -1
        ends = sorted(sign * (end - 1) for end in (gap.ratio.low, gap.ratio.high))
        return _("{value} ({low} to {high})").format(
            value=percent(abs(gap.ratio.value - 1)), low=percent(ends[0]), high=percent(ends[1])
        )
    sign = 1 if gap.difference.value >= 0 else -1
    ends = sorted(sign * end for end in (gap.difference.low, gap.difference.high))
    value = abs(gap.difference.value)
    return _("{value} ({low} to {high})").format(
        value=figure(value), low=figure(ends[0], like=value), high=figure(ends[1], like=value)
    )


def _evidence(found: GapByAllMetrics) -> str:
    """Figures of both cohorts, their difference, and what the other metrics say."""
    gap = found.gap
    said = [
        _("{metric} {tail} for tail (n = {n_tail}) against {head} for head (n = {n_head}).").format(
            metric=metric_name(gap.metric),
            tail=estimate(gap.tail),
            head=estimate(gap.head),
            n_tail=count(gap.n_tail),
            n_head=count(gap.n_head),
        )
    ]
    if gap.verdict != "few":
        said.append(
            _("Difference {difference} ({low} to {high}).").format(
                difference=signed(gap.difference.value),
                low=signed(gap.difference.low, like=gap.difference.value),
                high=signed(gap.difference.high, like=gap.difference.value),
            )
        )
    if gap.few_hits:
        said.append(_("Few hits: fewer than ten users of a cohort have one, so intervals are wide."))
    return " ".join([*said, agreement(found)]).rstrip()


def agreement(found: GapByAllMetrics) -> str:
    """By which metrics the tail fares worse, by which better, and by which no difference is clear; empty for one."""
    if not found.others or found.gap.verdict == "few":
        return ""
    parts: dict[Told, str] = {
        "worse": _("worse by {metrics}"),
        "better": _("better by {metrics}"),
        "even": _("no clear difference by {metrics}"),
    }
    said = [
        text.format(metrics=listing([metric_name(metric) for metric in found.agreeing(verdict_)]))
        for verdict_, text in parts.items()
        if found.agreeing(verdict_)
    ]
    return _("Tail against head, by all metrics: {parts}.").format(parts=_("; ").join(said))


def rank_gap(found: Gap) -> str:
    """The gap by the log of the right item's rank, told in ranks: it says something of users whose list misses too."""
    text = {
        "few": _("By rank, too few users to tell: the right item stands at {tail} for tail and {head} for head users."),
        "even": _("By rank, no clear difference: the right item stands at {tail} for tail and {head} for head users."),
        "worse": _(
            "By rank, tail users fare worse: the right item stands at {tail} for them, at {head} for head users."
        ),
        "better": _(
            "By rank, tail users fare better: the right item stands at {tail} for them, at {head} for head users."
        ),
    }[found.verdict]
    note = _("(Geometric means of the rank among all items; {p}.)").format(p=p_value(found.p_value))
    return text.format(tail=rank_of(found.tail.value), head=rank_of(found.head.value)) + " " + note


def ceiling_gap(head: float, tail: float, found: Gap | None = None) -> str:
    """How the cohorts' ceilings differ, and what share of its ceiling each cohort gets.

    Args:
        head: the oracle's figure for head users.
        tail: for tail users.
        found: the model's gap by the same metric; without one no shares are told.
    """
    text = (
        _("The oracle itself scores {tail} for tail and {head} for head users: no model could close that difference.")
        if tail < head
        else _("The oracle itself scores {tail} for tail and {head} for head users: it does no worse for the tail.")
    ).format(tail=figure(tail), head=figure(head))
    if found is None or head <= 0 or tail <= 0 or engine.term_of(found.metric).better != "higher":
        return text
    shares = _("Of what the oracle reaches, tail users get {tail} and head users {head}.")
    return text + " " + shares.format(tail=percent(found.tail.value / tail), head=percent(found.head.value / head))


def comparison(c: Comparison) -> str:
    """Whether a model is ahead of a baseline, behind it, or neither can be told."""
    names = {"model": model_name(c.model), "baseline": model_name(c.baseline)}
    if c.too_small:
        return _("Too few users to tell whether the {model} is ahead of the best baseline, {baseline}.").format(**names)
    if not c.significant:
        return _("The {model} is level with the best baseline, {baseline}.").format(**names)
    by = figure(abs(c.difference.value))
    if (c.difference.value > 0) == (engine.term_of(c.metric).better != "lower"):
        return _("The {model} is ahead of the best baseline, {baseline}, by {amount}.").format(amount=by, **names)
    return _("The {model} is behind the best baseline, {baseline}, by {amount}.").format(amount=by, **names)


def changed(found: GapChange, old: str, new: str) -> str:
    """What a change of models did to the gap between tail and head users, and who paid for it.

    Args:
        found: of tail users against head users.
        old: the model before, as people call it.
        new: the one after.
    """
    if found.too_small:
        return _("Too few users to tell whether {new} closes the gap that {old} leaves").format(old=old, new=new)
    tail_gained = (found.difference.value > 0) == _rising(found)
    size, names = _size(found), {"old": old, "new": new}
    amount = figure(abs(found.size.value))
    if found.significant and found.turned and all(map(_clear, (found.old_gap, found.new_gap))):
        text = (
            _(
                "Against {old}, {new} turns the gap over: head users were ahead by {before}, now tail "
                "users are by {now}."
            )
            if tail_gained
            else _(
                "Against {old}, {new} turns the gap over: tail users were ahead by {before}, now head "
                "users are by {now}."
            )
        )
        ends = {"before": figure(abs(found.old_gap.value)), "now": figure(abs(found.new_gap.value))}
        said = [text.format(**names, **ends), size]
    elif found.size_significant and not (found.turned and found.significant):
        text = (
            _("Against {old}, {new} narrows the gap between tail and head users by {amount}.")
            if found.size.value < 0
            else _("Against {old}, {new} widens the gap between tail and head users by {amount}.")
        )
        said = [text.format(amount=amount, **names)]
    elif found.significant:
        text = (
            _("Against {old}, {new} shifts the balance towards tail users: tail minus head was {before} and is {now}.")
            if tail_gained
            else _(
                "Against {old}, {new} shifts the balance towards head users: tail minus head was {before} and is {now}."
            )
        )
        ends = {"before": signed(found.old_gap.value), "now": signed(found.new_gap.value)}
        said = [text.format(**names, **ends), size]
    else:
        text = _("Against {old}, {new} does not clearly change the gap between tail and head users.")
        said = [text.format(**names)]
    return " ".join([*said, who_paid(found)]).rstrip()


def _size(found: GapChange) -> str:
    """Whether the gap is larger or smaller than before, whoever is ahead."""
    if not found.size_significant:
        return _("Its size does not clearly change.")
    text = _("Its size falls by {amount}.") if found.size.value < 0 else _("Its size grows by {amount}.")
    return text.format(amount=figure(abs(found.size.value)))


def who_paid(found: GapChange) -> str:
    """Who gained and who lost, as far as the intervals tell; empty for a figure that has no better end."""
    if engine.term_of(found.metric).better == "neither":
        return ""

    def side(e: Estimate) -> str:
        if not _clear(e):
            return "level"
        return "gains" if (e.value > 0) == _rising(found) else "pays"

    sides = side(found.gain), side(found.gain_other)
    if found.significant and sides[0] == sides[1] != "level":
        tail_gained = (found.difference.value > 0) == _rising(found)
        return {
            ("gains", True): _("Both gain, tail users more."),
            ("gains", False): _("Both gain, head users more."),
            ("pays", True): _("Both are served worse, head users more so."),
            ("pays", False): _("Both are served worse, tail users more so."),
        }[sides[0], tail_gained]
    return {
        ("gains", "gains"): _("Both gain."),
        ("gains", "pays"): _("Tail users gain, and head users pay for it."),
        ("gains", "level"): _("Tail users gain, and nobody clearly pays for it."),
        ("pays", "gains"): _("Head users gain, and tail users pay for it."),
        ("pays", "pays"): _("Both are served worse."),
        ("pays", "level"): _("Tail users pay for it, and nobody clearly gains."),
        ("level", "gains"): _("Head users gain, and nobody clearly pays for it."),
        ("level", "pays"): _("Head users pay for it, and nobody clearly gains."),
        ("level", "level"): _("Nobody clearly gains or pays."),
    }[sides]


def _rising(found: GapChange) -> bool:
    """Whether a higher figure is better."""
    return engine.term_of(found.metric).better != "lower"


def _clear(e: Estimate) -> bool:
    """Whether the interval leaves out 0."""
    return not e.low <= 0 <= e.high


def change_evidence(found: GapChange) -> str:
    """The gap before and after, what became of its size, and the difference in differences with all it is made of."""
    return _(
        "{metric}: tail users {gain} (n = {n}), head users {gain_other} (n = {n_other}). Tail minus head was {old} and "
        "is {new}; the gap's size changes by {size}, {size_p}. Who gained more: the difference in differences is "
        "{difference}, {p}."
    ).format(
        metric=metric_name(found.metric),
        gain=span(found.gain),
        gain_other=span(found.gain_other),
        n=count(found.n),
        n_other=count(found.n_other),
        old=span(found.old_gap),
        new=span(found.new_gap),
        size=span(found.size),
        size_p=p_value(found.size_p),
        difference=span(found.difference),
        p=p_value(found.p_value),
    )


def span(e: Estimate) -> str:
    """A change with its interval: "−0.021 (−0.029 to −0.013)"."""
    return _("{value} ({low} to {high})").format(value=signed(e.value), low=signed(e.low), high=signed(e.high))


def p_value(p: float) -> str:
    """A p-value: "p = 0.012", "p < 0.001"."""
    if p < 0.001:
        return _("p < 0.001")
    return _("p = {p}").format(p=figure(p, 2))


def rank_of(log: float) -> str:
    """A mean of log-ranks as a rank."""
    return figure(math.exp(log), 2) if log < math.log(10) else count(math.exp(log))
