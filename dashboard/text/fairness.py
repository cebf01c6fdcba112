"""What a diagnosis found, in plain sentences: the same on the page, in the report and in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

import engine
from dashboard.text.common import attribute_name, category, cohort_name, metric_name
from dashboard.text.gap import p_value, rank_of, span
from dashboard.text.glossary import term_meaning, term_name
from dashboard.text.i18n import _, count, figure, ngettext, percent, signed

if TYPE_CHECKING:
    from engine import Disparity, Estimate, ExternalDiagnosis, GapDecomposition, GroupRange, RunConfig, Targets


def parts(found: GapDecomposition) -> str:
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
    values = {
        "cut": figure(found.truncated.value),
        "head": figure(found.head.value),
        "tail": figure(found.tail.value),
        "length": signed(found.length.value),
        "users": signed(found.users.value),
    }
    text = _one_part(found) or texts[found.verdict]
    text = text.format(**values)
    if found.verdict == "both" and found.length.value * found.users.value < 0:
        return _(
            "{part} pull one way and {other} the other: cut to the tail's lengths, head users score {cut} instead of "
            "{head}; the tail scores {tail}."
        ).format(
            part=_("Short histories ({change})").format(change=values["length"]),
            other=_("different users ({change})").format(change=values["users"]),
            **values,
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


def _one_part(found: GapDecomposition) -> str:
    """What one part does that alone counts, where it cannot be said to explain the gap; else nothing."""
    if found.verdict not in ("length", "users"):
        return ""
    part = found.length if found.verdict == "length" else found.users
    clear = not found.gap.low <= 0 <= found.gap.high
    if clear and part.value * found.gap.value > 0:
        return ""
    return {
        ("length", True): _(
            "Short histories pull against the gap ({length}): cut to the tail's lengths, head users score {cut} "
            "instead of {head}, and the tail scores {tail}."
        ),
        ("users", True): _(
            "Different users pull against the gap ({users}): cut to the tail's lengths, head users score {cut} "
            "(before: {head}), and the tail scores {tail}."
        ),
        ("length", False): _(
            "Short histories count ({length}), yet no gap is clear: cut to the tail's lengths, head users score {cut} "
            "instead of {head}, and the tail scores {tail}."
        ),
        ("users", False): _(
            "Different users count ({users}), yet no gap is clear: cut to the tail's lengths, head users score {cut} "
            "(before: {head}), and the tail scores {tail}."
        ),
    }[found.verdict, clear]


def parts_evidence(found: GapDecomposition) -> str:
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
        "none": _("no similar user had it"),
        "weak": _("few similar users had it"),
        "strong": _("many similar users had it"),
    }[kind]


def targets(found: Targets, model: str) -> str:
    """How much of the gap is left where head and tail users seek the same kinds of items."""
    if model not in found.equal:
        return _("Head and tail users seek no kind of item in common, so they cannot be compared at equal targets.")
    equal = found.equal[model]
    text = {
        "kind": _(
            "At equal popularity of what they seek, tail minus head is {equal}; what they seek accounts for {mix}."
        ),
        "support": _(
            "Where similar users cover the target equally well, tail minus head is {equal}; unequal coverage "
            "accounts for {mix}."
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
    return _(", ").join(_condition(c) for c in engine.Rule.parse(rule).conditions) or _("all users")


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


def worst_group(gaps: pd.DataFrame, metric: str) -> str:
    """Which group fares clearly worst against everybody else.

    Args:
        gaps: rows of one model and metric, as `engine.group_gaps` gives them.
        metric: such as "ndcg@10"; the glossary says which way is better.
    """
    lower_is_better = engine.term_of(metric).better == "lower"
    clear = gaps.loc[gaps["significant"]]
    sign = -1 if lower_is_better else 1
    worse = clear.loc[sign * clear["difference"] < 0]
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


def one_target(protocol: str) -> bool:
    """Whether each user has one held-out item, so that figures of single users are a matter of luck."""
    return protocol != "temporal"


def uneven(found: Disparity, ranks: Disparity | None, protocol: str) -> str:
    """How the worst-served users fare, and how unequally users are served; of one target a user, why it is not told.

    Args:
        found: by a metric.
        ranks: by the log of the rank; None where ranks beyond the lists are not known.
        protocol: how targets were held out.
    """
    if one_target(protocol):
        return _(
            "Each user has one held-out item, and finds it or not: a worst-served share of users or a Gini index over "
            "users would measure luck (served exactly alike, users would give the same figures), so groups are held "
            "against each other instead."
        )
    metric, share_of = metric_name(found.metric), percent(found.alpha)
    if found.worst_share.value == 0 and found.better == "higher":
        text = _("The worst-served {share} of users get nothing: their {metric} is 0.")
    else:
        text = _("The worst-served {share} of users have a mean {metric} of {value}, and all users {mean}.")
    said = [
        text.format(share=share_of, metric=metric, value=figure(found.worst_share.value), mean=figure(found.mean.value))
    ]
    if ranks is not None:
        text = _("By rank, their right items stand at {worst}, those of all users at {all} (geometric means).")
        said.append(text.format(worst=rank_of(ranks.worst_share.value), all=rank_of(ranks.mean.value)))
    if found.gini is not None:
        text = _("The Gini index of {metric} over users is {gini} (0: all alike; near 1: a few get everything).")
        said.append(text.format(metric=metric, gini=span_of(found.gini)))
    said.append(_("Where users have few held-out items, part of this spread is chance."))
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


def uneven_rows(found: Disparity, ranks: Disparity, protocol: str) -> list[tuple[str, Estimate, str]]:
    """Name, figure and meaning of everything that `uneven` and `apart` tell."""
    metric = metric_name(found.metric)
    worst = _("{figure}: {metric}")
    rows = [(_("Mean {metric}").format(metric=metric), found.mean, term_meaning(found.metric))]
    if not one_target(protocol):
        for each in (found, ranks):
            name = metric if each is found else term_name("log_rank")
            rows.append((worst.format(figure=term_name("cvar"), metric=name), each.worst_share, term_meaning("cvar")))
        if found.gini is not None:
            rows.append(
                (
                    worst.format(figure=term_name("utility_gini"), metric=metric),
                    found.gini,
                    term_meaning("utility_gini"),
                )
            )
    if found.between is not None:
        text = _("Worst group: {group}").format(group=group_name(found.between.worst))
        rows.append((text, found.between.worst_value, term_meaning(found.metric)))
        text = _("Between the best group and the worst")
        rows.append((text, found.between.difference, group_name(found.between.best)))
    return rows


def span_of(e: Estimate) -> str:
    """A figure with its interval: "0.021 (0.013 to 0.029)"."""
    return _("{value} ({low} to {high})").format(value=figure(e.value), low=figure(e.low), high=figure(e.high))


def of_lists(found: ExternalDiagnosis, facts: pd.DataFrame, settings: RunConfig, metric: str) -> list[str]:
    """What can be said of lists made elsewhere beside the gap: what their users seek, who fares worst, how unevenly.

    Args:
        found: the lists and their figures.
        facts: of the tested users; see `engine.facts_of`.
        settings: whose `evaluation` section counts.
        metric: such as "ndcg@10".
    """
    name, config = found.lists.name, settings.evaluation
    groups = engine.standard_groups(engine.user_columns(facts))
    why = engine.diagnose_evaluation(found.evaluation, found.split, found.cohorts, config, metric)
    tables = engine.group_tables(found.evaluation, facts, groups, [metric], [name], config)
    lengths = [group for group in groups if group.rule.columns == ("history_length",)]
    named = [engine.Group(str(group.rule), group.rule) for group in lengths]
    spread = engine.disparity(found.evaluation, facts, named, metric, name, config)
    said = [targets(each, name) for each in why.targets]
    said += [worst_group(tables.gaps, metric), uneven(spread, None, found.evaluation.protocol)]
    return said if spread.between is None else [*said, apart(spread.between)]
