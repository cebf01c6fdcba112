"""What pages say in words about engine results: names, glosses and verdicts. Plain text, never markup."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from babel import Locale

from dashboard.text.glossary import term_meaning
from dashboard.text.i18n import _, count, day, figure, language, ngettext, percent, signed, translate
from dashboard.text.shown import NAME, shown

if TYPE_CHECKING:
    from engine import Attribution, EnsembleWeights, Estimate, Message, Player, Recommendations, RunConfig

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
        "log_rank": _("Log rank"),
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
        "log_rank": _("the logarithm of the right item's rank among all items, averaged; 0 is best, lower is better."),
    }
    said = sentences.get(name)
    return metric_name(metric) + _(": ") + (said.format(k=k) if said else term_meaning(metric))


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
    return shown(words[:1].upper() + words[1:], NAME)


def estimate(e: Estimate) -> str:
    """A figure with its interval, low to high, since few are even: "0.041 (0.038 to 0.045)"."""
    if not (math.isfinite(e.low) and math.isfinite(e.high)):
        return figure(e.value)
    return _("{value} ({low} to {high})").format(
        value=figure(e.value), low=figure(e.low, like=e.value), high=figure(e.high, like=e.value)
    )


def interval(e: Estimate) -> str:
    """The ends of an interval: "0.038 to 0.044"."""
    return _("{low} to {high}").format(low=figure(e.low, like=e.value), high=figure(e.high, like=e.value))


def ordinal(n: int) -> str:
    """A rank in words' clothing: "4th" in English, "第 4" in Chinese."""
    if language() == "zh":
        return f"第 {count(n)} "
    suffix = {"one": "st", "two": "nd", "few": "rd"}.get(Locale("en").ordinal_form(n), "th")
    return f"{count(n)}{suffix}"


def answering(weights: EnsembleWeights, answers: str) -> str:
    """Which of a run's two trained models answers, and by what figures."""
    figures = {"ours": figure(weights.validation["ensemble"]), "theirs": figure(weights.validation["transformer"])}
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


def validation_figures(weights: EnsembleWeights) -> str:
    """NDCG@10 of the ensemble and of each member alone, on validation."""
    parts = [
        _("{model} {value}").format(model=model_name(name), value=figure(value))
        for name, value in sorted(weights.validation.items(), key=lambda item: (item[0] != "ensemble", -item[1]))
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


def ranked(settings: RunConfig) -> str:
    """What is ranked: whether what a user has met is left out."""
    if settings.evaluation.exclude_seen is False:  # "auto", not yet decided by data, leaves them out by itself
        return _("All items ranked, seen ones too")
    return _("All items ranked, seen ones left out")


def recommendable(settings: RunConfig) -> str:
    """Which items can be recommended at all."""
    if settings.evaluation.new_items:
        return _(
            "Items that do not occur in training are ranked too, by what is known of them; the baselines cannot "
            "recommend these, and miss targets among them."
        )
    return _("Only items that occur in training can be recommended; a target outside them counts as a miss.")


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
        return translate(said)
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
    return "" if text is None or text == "unknown" else shown(text.replace("|", _(", ")))
