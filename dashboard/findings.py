"""What a diagnosis found, in plain sentences: the same on the page, in the report and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.i18n import _, count, figure, ngettext, percent, signed
from dashboard.words import attribute_name, category, cohort_name, metric_name
from dashboard.words_terms import term_meaning, term_name

if TYPE_CHECKING:
    from engine import Disparity, Estimate, Gap, GapChange, GapParts, GroupRange, Outside, RunConfig, Targets


def span(e: Estimate) -> str:
    """A change with its interval: "−0.021 (−0.029 to −0.013)"."""
    return _("{value} ({low} to {high})").format(value=signed(e.value), low=signed(e.low), high=signed(e.high))


def parts(found: GapParts) -> str:
    """Whether short histories or different users are behind the gap."""
    texts = {
        "length": _(
            "Short histories explain the gap: cut to the tail's lengths, head users score {cut} instead of {head}, and "
            "the tail scores {tail}."
        ),
        "users": _(
            "Different users explain the gap, not their short histories: cut to the tail's lengths, head users still "
            "score {cut} (before: {head}), and the tail scores {tail}."
        ),
        "both": _(
            "Two things are behind the gap: short histories ({length}) and different users ({users}). Cut to the "
            "tail's lengths, head users score {cut} instead of {head}; the tail scores {tail}."
        ),
        "neither": _(
            "There is no clear gap to explain: cut to the tail's lengths, head users score {cut} (before: {head}); the "
            "tail scores {tail}."
        ),
        "unclear": _(
            "What is behind the gap cannot be told on so few users: cut to the tail's lengths, head users score {cut} "
            "(before: {head}); the tail scores {tail}."
        ),
    }
    text = texts[found.verdict].format(
        cut=figure(found.truncated.value),
        head=figure(found.head.value),
        tail=figure(found.tail.value),
        length=signed(found.length.value),
        users=signed(found.users.value),
    )
    if found.verdict == "both" and found.length.value * found.users.value < 0:
        return _(
            "{part} pull one way and {other} the other: cut to the tail's lengths, head users score {cut} instead of "
            "{head}; the tail scores {tail}."
        ).format(
            part=_("Short histories ({change})").format(change=signed(found.length.value)),
            other=_("different users ({change})").format(change=signed(found.users.value)),
            cut=figure(found.truncated.value),
            head=figure(found.head.value),
            tail=figure(found.tail.value),
        )
    if found.verdict == "both" and found.dominant is not None:
        text += (
            " "
            + {
                "length": _("Short histories are the larger part."),
                "users": _("Different users are the larger part."),
            }[found.dominant]
        )
    return text


def parts_evidence(found: GapParts) -> str:
    """The two parts with their intervals."""
    return _("{metric}: gap {gap} = short histories {length} + different users {users}.").format(
        metric=metric_name(found.metric), gap=span(found.gap), length=span(found.length), users=span(found.users)
    )


def kind_name(kind: str) -> str:
    """A kind of target, or how well similar users cover it."""
    return {
        "repeat": _("met before"),
        "popular": _("popular item"),
        "novel": _("long-tail item"),
        "unseen": _("item never met in training"),
        "none": _("no similar user met it"),
        "weak": _("few similar users met it"),
        "strong": _("many similar users met it"),
    }[kind]


def targets(found: Targets, model: str) -> str:
    """How much of the gap is left where head and tail users seek the same kinds of items."""
    if model not in found.equal:
        return _("Head and tail users seek no kind of item in common, so they cannot be compared at equal targets.")
    equal = found.equal[model]
    text = {
        "kind": _("At equal popularity of what they seek, tail minus head is {equal}; what they seek makes {mix}."),
        "support": _(
            "Where similar users cover the target equally well, tail minus head is {equal}; unequal cover makes {mix}."
        ),
    }[found.by]
    return text.format(equal=span(equal.equal), mix=span(equal.mix))


def ceiling_name(kind: str) -> str:
    """What a ceiling is."""
    if kind == "oracle":
        return _("the oracle, which knows how the data were made")
    return _("the best of all models for each user, as if known beforehand (optimistic)")


def group_name(rule: str) -> str:
    """A group in the reader's language, made from its rule."""
    from engine import Rule

    return _(", ").join(_condition(c) for c in Rule.parse(rule).conditions) or _("all users")


def dimension_name(column: str) -> str:
    """What a cut of users goes by."""
    known = {
        "history_length": _("History length"),
        "user_cohort": _("Head and tail"),
        "recency_days": _("Days since the last event"),
        "mainstream": _("How mainstream their taste is"),
        "item_cohort": _("Target: head or tail item"),
        "target_popularity": _("Popularity of the target"),
        "target_age_days": _("Age of the target"),
        "target_category": _("Category of the target"),
    }
    return known.get(column) or attribute_name(column)


def _condition(condition) -> str:
    column = condition.column
    if hasattr(condition, "values"):
        values = _(" or ").join(_value(column, value) for value in condition.values)
        if column in ("user_cohort", "item_cohort", "target_category"):
            return values
        return _("{attribute}: {value}").format(attribute=attribute_name(column), value=values)
    low, high = (None if end is None else float(end) for end in (condition.low, condition.high))
    if column == "history_length":
        most = 2 if high is None else int(high)
        return ngettext("{range} event", "{range} events", most).format(range=_range(low, high))
    if column == "recency_days":
        return _("last event {range} days ago").format(range=_range(low, high))
    if column == "mainstream":
        return _("popular items: {range}").format(range=_range(low, high, percent))
    return _("{attribute}: {value}").format(attribute=dimension_name(column), value=_range(low, high))


def _value(column: str, value: str) -> str:
    if column == "user_cohort":
        return cohort_name(value)
    if column == "item_cohort":
        return {"head": _("head item"), "tail": _("tail item")}[value]
    return category(value)


def _range(low: float | None, high: float | None, written: Callable[[float], str] = figure) -> str:
    if low is None:
        return _("up to {high}").format(high=written(high)) if high is not None else ""
    if high is None:
        return _("{low} or more").format(low=written(low))
    if low == high:
        return written(low)
    return f"{written(low)}–{written(high)}"


def worst_group(gaps: pd.DataFrame, metric: str, lower_is_better: bool = False) -> str:
    """Which group fares clearly worst against everybody else.

    Args:
        gaps: rows of one model and metric, as `engine.group_gaps` gives them.
        metric: such as "ndcg@10".
        lower_is_better: whether a higher figure is worse.
    """
    told = gaps.loc[gaps["significant"]]
    sign = -1 if lower_is_better else 1
    worse = told.loc[sign * told["difference"] < 0]
    if len(worse) == 0:
        return ngettext(
            "No group fares clearly worse than everybody else ({n} comparison, corrected).",
            "No group fares clearly worse than everybody else ({n} comparisons, corrected).",
            len(gaps),
        ).format(n=count(len(gaps)))
    row = worse.iloc[int((sign * worse["difference"]).to_numpy().argmin())]
    below = _(
        "Worst served: {group}. Their {metric} is {difference} below everybody else's (interval {low} to {high}; n = "
        "{n}), also after correction for {m} comparisons."
    )
    above = _(
        "Worst served: {group}. Their {metric} is {difference} above everybody else's (interval {low} to {high}; n = "
        "{n}), also after correction for {m} comparisons."
    )
    return (above if lower_is_better else below).format(
        group=group_name(str(row["rule"])),
        metric=metric_name(metric),
        difference=figure(abs(float(row["difference"]))),
        low=signed(float(row["low"])),
        high=signed(float(row["high"])),
        n=count(int(row["n"])),
        m=count(len(gaps)),
    )


def too_small(n: int, needed: float | None) -> str:
    """A group is too small to say anything, and what size it would need."""
    if needed is None or pd.isna(needed):
        return _("too few users to tell (n = {n})").format(n=count(n))
    return _("too few users to tell (n = {n}; about {needed} would be needed)").format(
        n=count(n), needed=count(int(needed))
    )


def share(e: Estimate | None) -> str:
    """A share of the gap with its interval; a dash where there is no gap to share."""
    if e is None:
        return "–"
    return _("{value} ({low} to {high})").format(value=percent(e.value), low=percent(e.low), high=percent(e.high))


def changed(found: GapChange, old: str, new: str) -> str:
    """What a change of models did to the gap between tail and head users, and who paid for it.

    Args:
        found: of tail users against head users.
        old: the model before, as people call it.
        new: the one after.
    """
    if found.too_small:
        return _("Too few users to tell whether {new} closes the gap that {old} leaves").format(old=old, new=new)
    if not found.significant:
        text = _("Against {old}, {new} does not clearly change the gap between tail and head users.")
    elif found.narrowed:
        text = _("Against {old}, {new} narrows the gap between tail and head users by {amount}.")
    else:
        text = _("Against {old}, {new} widens the gap between tail and head users by {amount}.")
    amount = figure(abs(found.difference.value))
    return text.format(old=old, new=new, amount=amount) + " " + _who_paid(found)


def _who_paid(found: GapChange) -> str:
    """Who gained and who lost, as far as the intervals tell."""

    def side(e: Estimate, name: str) -> str:
        if name in found.paid:
            return "pays"
        return "gains" if not e.low <= 0 <= e.high else "level"

    return {
        ("gains", "gains"): _("Both gain."),
        ("gains", "pays"): _("Tail users gain, and head users pay for it."),
        ("gains", "level"): _("Tail users gain, and nobody pays for it."),
        ("pays", "gains"): _("Head users gain, and tail users pay for it."),
        ("pays", "pays"): _("Both are served worse."),
        ("pays", "level"): _("Tail users pay for it, and nobody gains."),
        ("level", "gains"): _("Head users gain, and nobody pays for it."),
        ("level", "pays"): _("Head users pay for it, and nobody gains."),
        ("level", "level"): _("Nobody clearly gains or pays."),
    }[side(found.gain, found.group), side(found.gain_other, found.other)]


def change_evidence(found: GapChange) -> str:
    """The difference in differences with all that it is made of."""
    return _(
        "{metric}: tail users {gain} (n = {n}), head users {gain_other} (n = {n_other}). Tail minus head was {old} and "
        "is {new}; the difference in differences is {difference}, {p}."
    ).format(
        metric=metric_name(found.metric),
        gain=span(found.gain),
        gain_other=span(found.gain_other),
        n=count(found.n),
        n_other=count(found.n_other),
        old=signed(found.old_gap.value),
        new=signed(found.new_gap.value),
        difference=span(found.difference),
        p=p_value(found.p_value),
    )


def rank_gap(found: Gap) -> str:
    """The gap by the log of the right item's rank, told in ranks: it says something of users whose list misses too."""
    if found.too_small:
        text = _("By rank, too few users to tell: the right item stands at {tail} for tail and {head} for head users.")
    elif not found.significant:
        text = _("By rank, no clear difference: the right item stands at {tail} for tail and {head} for head users.")
    elif found.difference.value > 0:
        text = _("By rank, tail users fare worse: the right item stands at {tail} for them, at {head} for head users.")
    else:
        text = _("By rank, tail users fare better: the right item stands at {tail} for them, at {head} for head users.")
    note = _("(Geometric means of the rank among all items; {p}.)").format(p=p_value(found.p_value))
    return text.format(tail=_rank(found.tail.value), head=_rank(found.head.value)) + " " + note


def uneven(found: Disparity, ranks: Disparity | None) -> str:
    """How the worst-served users fare, and how unequally users are served.

    Args:
        found: by a metric.
        ranks: by the log of the rank; None where ranks beyond the lists are not known.
    """
    metric, share_of = metric_name(found.metric), percent(found.alpha)
    if found.worst_share.value == 0:
        text = _("The worst-served {share} of users get nothing: their {metric} is 0.")
    else:
        text = _("The worst-served {share} of users have a mean {metric} of {value}, and all users {mean}.")
    said = [
        text.format(share=share_of, metric=metric, value=figure(found.worst_share.value), mean=figure(found.mean.value))
    ]
    if ranks is not None:
        text = _("By rank, their right items stand at {worst}, those of all users at {all} (geometric means).")
        said.append(text.format(worst=_rank(ranks.worst_share.value), all=_rank(ranks.mean.value)))
    if found.gini is not None:
        text = _("The Gini index of {metric} over users is {gini} (0: all alike; near 1: a few get everything).")
        said.append(text.format(metric=metric, gini=span_of(found.gini)))
    return " ".join(said)


def apart(found: GroupRange) -> str:
    """How far the best and the worst group are apart, and what of it is chance."""
    return _(
        "Best served: {best}. Worst served: {worst}. They are {difference} apart; groups of shuffled users are "
        "{chance} apart on average ({p})."
    ).format(
        best=group_name(found.best),
        worst=group_name(found.worst),
        difference=span_of(found.difference),
        chance=figure(found.by_chance),
        p=p_value(found.p_value),
    )


def uneven_rows(found: Disparity, ranks: Disparity) -> list[tuple[str, Estimate, str]]:
    """Name, figure and meaning of everything that `uneven` and `apart` tell."""
    metric = metric_name(found.metric)
    worst = _("{figure}: {metric}")
    rows = [
        (_("Mean {metric}").format(metric=metric), found.mean, term_meaning(found.metric)),
        (worst.format(figure=term_name("cvar"), metric=metric), found.worst_share, term_meaning("cvar")),
        (
            worst.format(figure=term_name("cvar"), metric=term_name("log_rank")),
            ranks.worst_share,
            term_meaning("log_rank"),
        ),
    ]
    if found.gini is not None:
        rows.append(
            (worst.format(figure=term_name("utility_gini"), metric=metric), found.gini, term_meaning("utility_gini"))
        )
    if found.between is not None:
        text = _("Worst group: {group}").format(group=group_name(found.between.worst))
        rows.append((text, found.between.worst_value, term_meaning(found.metric)))
        rows.append((_("Best group minus worst"), found.between.difference, group_name(found.between.best)))
    return rows


def p_value(p: float) -> str:
    """A p-value: "p = 0.012", "p < 0.001"."""
    if p < 0.001:
        return _("p < 0.001")
    return _("p = {p}").format(p=figure(p, 2))


def span_of(e: Estimate) -> str:
    """A figure with its interval: "0.021 (0.013 to 0.029)"."""
    return _("{value} ({low} to {high})").format(value=figure(e.value), low=figure(e.low), high=figure(e.high))


def _rank(log: float) -> str:
    """A mean of log-ranks as a rank."""
    return figure(math.exp(log), 2) if log < math.log(10) else count(math.exp(log))


def of_lists(found: Outside, facts: pd.DataFrame, settings: RunConfig, metric: str) -> list[str]:
    """What can be said of lists made elsewhere beside the gap: what their users seek, who fares worst, how unevenly.

    Args:
        found: the lists and their figures.
        facts: of the tested users; see `engine.facts_of`.
        settings: whose `evaluation` section counts.
        metric: such as "ndcg@10".
    """
    import engine

    name, config = found.given.name, settings.evaluation
    groups = engine.standard_groups(engine.about_users(facts))
    why = engine.diagnose_evaluation(found.evaluation, found.split, found.cohorts, config, metric)
    tables = engine.group_tables(found.evaluation, facts, groups, [metric], [name], config)
    lengths = [group for group in groups if group.rule.columns == ("history_length",)]
    named = [engine.Group(str(group.rule), group.rule) for group in lengths]
    spread = engine.disparity(found.evaluation, facts, named, metric, name, config)
    said = [targets(each, name) for each in why.targets]
    said += [worst_group(tables.gaps, metric), uneven(spread, None)]
    return said if spread.between is None else [*said, apart(spread.between)]
