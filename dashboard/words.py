"""What pages say in words about engine results: names, glosses and verdicts. Plain text, never markup."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from babel import Locale

from dashboard.i18n import _, count, day, figure, language, ngettext, percent, signed, tell

if TYPE_CHECKING:
    from engine import Attribution, Blend, Comparison, Estimate, Gap, Message, Player, Recommendations

MOST = 2 / 3
"""The share of an explanation that "mostly" stands for."""

UNSTEADY = 0.2
"""A standard error beyond this share of the largest value makes small bars unreliable."""


def metric_name(metric: str) -> str:
    """A metric's key as people write it: "ndcg@10" is "NDCG@10"."""
    name, at, k = metric.partition("@")
    words = {
        "ndcg": "NDCG",
        "hr": "HR",
        "mrr": "MRR",
        "f1": "F1",
        "map": "MAP",
        "precision": _("Precision"),
        "recall": _("Recall"),
    }
    return words.get(name, name) + at + k


def metric_gloss(metric: str) -> str:
    """One plain sentence on what a metric measures."""
    name, _at, k = metric.partition("@")
    sentences = {
        "ndcg": _("how high the right item ranks in the first {k}; 1 is best, 0 is not in the list."),
        "hr": _("hit rate, the share of users whose right item is among the first {k}."),
        "mrr": _("one divided by the right item's rank, 0 beyond the first {k}; 1 is best."),
        "precision": _("the share of the first {k} that is right; with one right item it is at most 1/{k}."),
        "recall": _("the share of right items found in the first {k}; with one right item it equals the hit rate."),
        "f1": _("the harmonic mean of precision and recall in the first {k}."),
        "map": _("mean average precision, how early all right items come in the first {k}; with one it equals MRR."),
    }
    return metric_name(metric) + _(": ") + sentences.get(name, "").format(k=k)


def model_name(model: str) -> str:
    """A model's key as people write it."""
    words = {
        "transformer": _("Transformer"),
        "ensemble": _("Ensemble"),
        "popularity": _("Popularity"),
        "itemknn": _("Item kNN"),
        "ease": _("EASE"),
    }
    return words.get(model, model)


def cohort_name(cohort: str) -> str:
    """A cohort's key as people write it."""
    return {"head": _("Head"), "tail": _("Tail"), "all": _("All")}.get(cohort, cohort)


def attribute_name(column: str) -> str:
    """A column's name as people read it: "age_band" is "Age band"."""
    if column == "category":
        return _("Category")
    words = column.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def estimate(e: Estimate) -> str:
    """A figure with half the width of its interval: "0.041 ± 0.003"."""
    half = (e.high - e.low) / 2
    return f"{figure(e.value)} ± {figure(half, like=e.value)}" if math.isfinite(half) else figure(e.value)


def interval(e: Estimate) -> str:
    """The ends of an interval: "0.038 to 0.044"."""
    return _("{low} to {high}").format(low=figure(e.low, like=e.value), high=figure(e.high, like=e.value))


def ordinal(n: int) -> str:
    """A rank in words' clothing: "4th" in English, "第 4" in Chinese."""
    if language() == "zh":
        return f"第 {count(n)} "
    suffix = {"one": "st", "two": "nd", "few": "rd"}.get(Locale("en").ordinal_form(n), "th")
    return f"{count(n)}{suffix}"


@dataclass(frozen=True)
class Verdict:
    """A sentence, what supports it, and which way it points."""

    kind: Literal["worse", "better", "even", "few"]
    text: str
    evidence: str


def verdict(gap: Gap, by: Literal["users", "items"] = "users") -> Verdict:
    """Whether tail users (or items) fare worse than head, better, or neither can be told."""
    name = metric_name(gap.metric)
    evidence = _("{metric} {tail} for tail (n = {n_tail}) against {head} for head (n = {n_head}).").format(
        metric=name,
        tail=estimate(gap.tail),
        head=estimate(gap.head),
        n_tail=count(gap.n_tail),
        n_head=count(gap.n_head),
    )
    if gap.too_small:
        smaller = "head" if gap.n_head <= gap.n_tail else "tail"
        text = ngettext(
            "Too few users to tell: the smaller cohort, {cohort}, has {n} tested user.",
            "Too few users to tell: the smaller cohort, {cohort}, has {n} tested users.",
            min(gap.n_head, gap.n_tail),
        ).format(cohort=cohort_name(smaller).lower(), n=count(min(gap.n_head, gap.n_tail)))
        return Verdict("few", text, evidence)
    evidence += " " + _("Difference {difference} (interval {interval}).").format(
        difference=signed(gap.difference.value), interval=_range(gap.difference)
    )
    if not gap.significant:
        text = {
            "users": _("No clear difference between tail and head users on {n} users."),
            "items": _("No clear difference between tail and head items on {n} users."),
        }[by].format(n=count(gap.n_head + gap.n_tail))
        return Verdict("even", text, evidence)
    worse = gap.difference.value < 0
    return Verdict("worse" if worse else "better", _verdict_text(gap, by, worse), evidence)


def ceiling_gap(head: float, tail: float) -> str:
    """How the cohorts' ceilings differ: the part of a gap that is the data's and that no model could close."""
    text = (
        _("The oracle itself scores {tail} for tail and {head} for head users: no model could close that difference.")
        if tail < head
        else _("The oracle itself scores {tail} for tail and {head} for head users: it does no worse for the tail.")
    )
    return text.format(tail=figure(tail), head=figure(head))


def _verdict_text(gap: Gap, by: str, worse: bool) -> str:
    total = count(gap.n_head + gap.n_tail)
    if gap.ratio is None:
        text = {
            ("users", True): _("This model serves tail users worse than head users, by {amount}, on {n} users."),
            ("users", False): _("This model serves tail users better than head users, by {amount}, on {n} users."),
            ("items", True): _("This model finds tail items worse than head items, by {amount}, on {n} users."),
            ("items", False): _("This model finds tail items better than head items, by {amount}, on {n} users."),
        }[by, worse]
        return text.format(amount=figure(abs(gap.difference.value)), n=total)
    change = abs(gap.ratio.value - 1)
    if not worse and gap.ratio.value >= 2:
        return {
            "users": _("This model serves tail users {times} times as well as head users on {n} users."),
            "items": _("This model finds tail items {times} times as well as head items on {n} users."),
        }[by].format(times=figure(gap.ratio.value, 2), n=total)
    text = {
        ("users", True): _("This model serves tail users {share} worse than head users on {n} users."),
        ("users", False): _("This model serves tail users {share} better than head users on {n} users."),
        ("items", True): _("This model finds tail items {share} worse than head items on {n} users."),
        ("items", False): _("This model finds tail items {share} better than head items on {n} users."),
    }[by, worse]
    return text.format(share=percent(change), n=total)


def _range(e: Estimate) -> str:
    return _("{low} to {high}").format(low=signed(e.low, like=e.value), high=signed(e.high, like=e.value))


def comparison(c: Comparison) -> str:
    """Whether a model is ahead of a baseline, behind it, or neither can be told."""
    names = {"model": model_name(c.model), "baseline": model_name(c.baseline)}
    if not c.significant:
        return _("The {model} is level with the best baseline, {baseline}.").format(**names)
    by = figure(abs(c.difference.value))
    if c.difference.value > 0:
        return _("The {model} is ahead of the best baseline, {baseline}, by {amount}.").format(amount=by, **names)
    return _("The {model} is behind the best baseline, {baseline}, by {amount}.").format(amount=by, **names)


def answering(blend: Blend, answers: str) -> str:
    """Which of a run's two trained models answers, and by what figures."""
    figures = {"ours": figure(blend.validation["ensemble"]), "theirs": figure(blend.validation["transformer"])}
    text = (
        _("The ensemble answers in this run: on validation its NDCG@10 is {ours}, the Transformer's {theirs}.")
        if answers == "ensemble"
        else _(
            "The Transformer answers in this run: on validation the ensemble, at an NDCG@10 of {ours}, "
            "is not clearly better than its {theirs}."
        )
    )
    return text.format(**figures)


def answering_rule() -> str:
    """By what rule a run chooses the model that answers."""
    return _(
        "The ensemble answers where weights learnt on half of the validation users beat the Transformer on the other "
        "half by more than the standard error, else the Transformer does; test figures never decide."
    )


def validation_figures(blend: Blend) -> str:
    """NDCG@10 of the ensemble and of each member alone, on validation."""
    parts = [
        _("{model} {value}").format(model=model_name(name), value=figure(value))
        for name, value in sorted(blend.validation.items(), key=lambda item: (item[0] != "ensemble", -item[1]))
    ]
    return _("NDCG@10 on validation: {figures}.").format(figures=listing(parts))


def shares(answer: Attribution) -> str:
    """What each member of an ensemble adds to the score."""
    parts = [
        _("{model} {value}").format(model=model_name(name), value=signed(value))
        for name, value in answer.shares.items()
    ]
    return _("Of the score {score}, the members give: {shares}.").format(
        score=figure(answer.score), shares=listing(parts)
    )


def held_out(answer: Recommendations, k: int) -> str:
    """Where the held-out item ranks; empty when nothing is held out."""
    if answer.held_out is None:
        return ""
    title = answer.held_out.title
    if answer.n_held_out > 1:
        hits = sum(item.is_held_out for item in answer.items[:k])
        text = _("{hits} of {n} held-out items are in the top {k}; the first to come was {title}.")
        return text.format(hits=count(hits), n=count(answer.n_held_out), k=count(k), title=title)
    rank = answer.held_out_rank
    if rank is None:
        return _("Held-out item: {title}, which no model can rank: nobody had it in the training part.").format(
            title=title
        )
    place = {"title": title, "ordinal": ordinal(rank), "rank": count(rank), "n": count(answer.n_candidates)}
    if rank <= k:
        return _("Held-out item: {title}, ranked {ordinal} of {n}.").format(**place)
    return _("Held-out item: {title}, ranked {ordinal} of {n}, so not in the top {k}.").format(k=count(k), **place)


def protocol(name: str, cuts: tuple[int, int] | None) -> str:
    """How targets were held out; `cuts` are those of a split in time."""
    if cuts is None:
        return name
    return _("temporal (tested from {day} on)").format(day=day(datetime.fromtimestamp(cuts[1], UTC)))


def listing(parts: list[str]) -> str:
    """Parts as a list in words: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return _("{first} and {last}").format(first=_(", ").join(parts[:-1]), last=parts[-1])


def steadiness(answer: Attribution) -> str:
    """One sentence on how far the values depend on which orders of the events were drawn."""
    if answer.exact:
        return _("Exact: every combination of events was tried, so nothing depends on chance.")
    largest = max((abs(p.value) for p in answer.players), default=0.0)
    spread = max((p.spread for p in answer.players), default=0.0)
    if largest == 0:
        return _("No event moves the score, so there is nothing to vary.")
    share = spread / largest
    text = (
        _(
            "Steady: over random orders of the events, a value's standard error is at most {spread}, "
            "{share} of the largest."
        )
        if share < UNSTEADY
        else _(
            "Unsteady: over random orders of the events, a value's standard error is up to {spread}, {share} of the "
            "largest; read small bars with care."
        )
    )
    return text.format(spread=figure(spread, 2), share=percent(share))


def player_label(player: Player) -> str:
    """The event's title, or how many events the group of earlier ones holds."""
    if player.position is not None:
        return player.label
    return ngettext("{n} earlier event", "{n} earlier events", player.n_events).format(n=count(player.n_events))


def cleaning_reason(said: Message | str) -> str:
    """What was wrong with rows, in the language in use; of a run that version 0.1 wrote, where the phrase is known."""
    if not isinstance(said, str):
        return tell(said)
    text = said
    known = (
        (re.compile(r"(?P<column>\w+) is missing"), _("{column} is missing")),
        (re.compile(r"white space around (?P<column>.+) taken away"), _("white space around {column} taken away")),
        (re.compile(r"an exact duplicate of an earlier row"), _("an exact duplicate of an earlier row")),
        (
            re.compile(r"(?P<column>\w+) is neither a number nor ISO 8601 text .*"),
            _("{column} is neither a number nor ISO 8601 text"),
        ),
        (re.compile(r"(?P<column>\w+) is before 1970-01-01"), _("{column} is before 1970-01-01")),
        (
            re.compile(r"(?P<column>\w+) is more than a day in the future"),
            _("{column} is more than a day in the future"),
        ),
        (re.compile(r"(?P<column>\w+) is not a number"), _("{column} is not a number")),
        (re.compile(r"(?P<column>\w+) is under (?P<limit>[\d.]+)"), _("{column} is under {limit}")),
        (
            re.compile(r"(?P<column>.+) is missing, filled with (?P<value>.+)"),
            _("{column} is missing, filled with {value}"),
        ),
        (re.compile(r"(?P<column>.+) has an earlier row, which stays"), _("{column} has an earlier row, which stays")),
        (re.compile(r"(user|item) never appears in the log"), _("never appears in the log")),
        (
            re.compile(r"(user|item) of the log without a row; one was made"),
            _("in the log without a row of its own; one was made"),
        ),
        (re.compile(r"(?P<column>\w+) is missing; .*"), _("{column} is missing; the row is kept without one")),
    )
    for pattern, message in known:
        found = pattern.fullmatch(text)
        if found and language() != "en":
            return message.format(**found.groupdict())
    return text


def category(text: str | None) -> str:
    """A category as people read it: "Animation|Comedy" is "Animation, Comedy"; empty where there is none."""
    return "" if text is None or text == "unknown" else text.replace("|", _(", "))
