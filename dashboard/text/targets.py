"""What a report says of the targets themselves: how many are repeats, which rule is quoted, why all figures are 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.text.common import metric_name, model_name
from dashboard.text.i18n import _, count, figure, percent

if TYPE_CHECKING:
    from engine import Evaluation


def remarks(evaluation: Evaluation, answers: str, metric: str) -> list[str]:
    """Sentences on repeats and on figures that say nothing; none where there is nothing to mind.

    Args:
        evaluation: the figures.
        answers: the model that answers, whose figures are told.
        metric: the metric to tell them by.
    """
    said = [repeats(evaluation, answers, metric), all_zero(evaluation) or too_easy(evaluation)]
    return [text for text in said if text]


def repeats(evaluation: Evaluation, answers: str, metric: str) -> str:
    """The share of repeats, and the figure under both rules naming the one quoted; "" where it is no matter."""
    facts = evaluation.targets
    if facts is None or (facts.seen_left_out and not facts.otherwise):
        return ""
    share = _("{share} of the targets are in their user's history already.").format(share=percent(facts.seen))
    rule = (
        _("The quoted figures leave seen items out of every list, so each of these is a miss.")
        if facts.seen_left_out
        else _("The quoted figures leave seen items in, so these can be found too.")
    )
    text = f"{share} {rule}"
    other = facts.otherwise.get(answers, {}).get("all", {}).get(metric)
    if other is None:
        return text
    given = {
        "metric": metric_name(metric),
        "model": model_name(answers),
        "quoted": figure(evaluation.models[answers].overall.metrics[metric].value),
        "other": figure(other.value),
    }
    both = (
        _("{metric} of {model}: {quoted} with seen items left out (quoted), {other} with them left in.")
        if facts.seen_left_out
        else _("{metric} of {model}: {quoted} with seen items left in (quoted), {other} with them left out.")
    )
    return f"{text} {both.format(**given)}"


def all_zero(evaluation: Evaluation) -> str:
    """Why no model found anything; "" where one did."""
    facts, found = evaluation.targets, evaluation.per_user
    rates = [name for name in evaluation.metrics if name.startswith("hr@")]
    if facts is None or facts.n == 0 or not rates or found[rates].to_numpy().any():
        return ""
    why = []
    if facts.n_items == 1:
        why.append(_("the training part holds one item"))
    elif facts.n_items == 2:
        why.append(_("the training part holds two items"))
    if facts.seen_left_out and facts.seen:
        why.append(
            _("{share} of the targets are in the history already, and evaluation.exclude_seen leaves those out").format(
                share=percent(facts.seen)
            )
        )
    if facts.untrained:
        why.append(_("{share} of the targets were never trained on").format(share=percent(facts.untrained)))
    if not why:
        why.append(
            _("the {n} targets are beyond the ends of all lists; train longer, or set longer evaluation.ks").format(
                n=count(facts.n)
            )
        )
    return _("Every figure is 0, for every model: {reasons}.").format(reasons=_("; ").join(why))


def too_easy(evaluation: Evaluation) -> str:
    """That a list holds all there is, so that finding a target in it is no feat; "" where lists are shorter."""
    facts = evaluation.targets
    lengths = sorted({int(name.partition("@")[2]) for name in evaluation.metrics})
    if facts is None or not lengths or facts.n_items > lengths[-1]:
        return ""
    if facts.n_items == 1:
        return _("The training part holds one item: every list is the same, and no figure says how good a model is.")
    return _(
        "The training part holds {n} items: a list of {n} or more holds them all, so that its hit rate says nothing."
    ).format(n=count(facts.n_items))
