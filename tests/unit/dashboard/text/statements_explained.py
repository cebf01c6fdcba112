"""What sentences on trust in explanations and on hypothetical users must say, from their figures alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dashboard.text import common as common_text, faithfulness as faithfulness_text, i18n, what_if as what_if_text
from engine import (
    Aucs,
    ColdStartCurve,
    ColdStartPoint,
    Confidence,
    Estimate,
    Faithfulness,
    HeadRole,
    HeadRoles,
    MethodScore,
    MovedItem,
    RankedItem,
    Recommendations,
    WhatIf,
)
from engine.queries.types import Cohort
from tests.unit.dashboard.text.statements import Case, clear, estimates, leaves_out_0, unclear

K = 3

NAMES = {
    "gradient_attention": "Attention weighted by gradients",
    "rollout": "Attention rollout",
    "attention": "Raw attention",
    "recency": "The newest first",
    "random": "A random order",
}

WORSE, BETTER = Aucs(clear(0.1), clear(-0.1), 90), Aucs(clear(-0.1), clear(0.1), 90)
MIXED, OPEN = Aucs(clear(0.1), clear(0.1), 90), Aucs(unclear(0.1), clear(-0.1), 90)


def _score(method: str, against: dict[str, Aucs]) -> MethodScore:
    own = Aucs(clear(0.2 + 0.1 * len(method) / 10), clear(0.6), 90)
    return MethodScore(own, {"head": own, "tail": own}, against, np.ones(2), np.zeros(2))


def _faithful(against: dict[str, dict[str, Aucs]]) -> Faithfulness:
    methods = {"shap": _score("shap", {"random": BETTER})}
    methods |= {name: _score(name, against.get(name, {"shap": WORSE, "random": BETTER})) for name in NAMES}
    return Faithfulness("run", "transformer", {"head": 40, "tail": 50}, 0, 0, methods, {}, None, {}, 0, 1.0)


def trust() -> Iterator[Case]:
    """SHAP leads only where every other method is clearly worse in both curves."""
    for one, two in itertools.product((WORSE, BETTER, MIXED, OPEN), repeat=2):
        found = _faithful({"random": {"shap": one}, "rollout": {"shap": two, "random": OPEN}})
        behind = {"random": one, "rollout": two}
        rivals = [
            NAMES[name]
            for name in ("rollout", "random")
            if not (behind[name].deletion_auc.low > 0 and behind[name].insertion_auc.high < 0)
        ]
        values = tuple(
            i18n.figure(e.value)
            for e in (
                found.methods["shap"].overall.deletion_auc,
                found.methods["random"].overall.deletion_auc,
                found.methods["shap"].overall.insertion_auc,
            )
        )
        if rivals:
            yield Case(found, lambda f=found: faithfulness_text.verdict(f), ("not clearly ahead of", *rivals, *values),
                       ("better than any", *set(NAMES.values()) - set(rivals)))  # fmt: skip
        else:
            must = ("better than any other order", f"leaves {values[0]}", f"a random order: {values[1]}", *values)
            yield Case(found, lambda f=found: faithfulness_text.verdict(f), must, ("not clearly",))


def readings() -> Iterator[Case]:
    """A reading of attention is better than chance where it removes more when hidden and gives more when shown."""
    for three in itertools.product((WORSE, BETTER, MIXED, OPEN), repeat=3):
        against = dict(zip(faithfulness_text.READINGS, three, strict=True))
        found = _faithful({name: {"shap": WORSE, "random": one} for name, one in against.items()})
        good = [NAMES[n] for n, one in against.items() if one.deletion_auc.high < 0 < one.insertion_auc.low]
        bad = [name for name in (NAMES[n] for n in against) if name not in good]
        if not good:
            must, never = ("No reading of attention is clearly better",), ("Every", *NAMES.values())
        elif not bad:
            must, never = ("Every reading of attention is better",), ("No reading", "Not clearly")
        else:
            listed = (common_text.listing(good), common_text.listing(bad))
            must, never = (f"Better than a random order: {listed[0]}. Not clearly better: {listed[1]}.",), ("Every",)
        yield Case(found, lambda f=found: faithfulness_text.about_attention(f), must, never)


def idle_heads() -> Iterator[Case]:
    """A head goes idle for the tail where the tail's share less the head's is clearly above 0."""
    for one, two in itertools.product((None, *estimates(0.2)), repeat=2):
        if (one is None) != (two is None):
            continue
        heads = []
        for at, gap in enumerate((one, two), start=1):
            shares = {"head": 0.3, "tail": 0.3 + (gap.value if gap else 0)}
            by_cohort = {c: {"idle": clear(share)} for c, share in shares.items()}
            heads.append(HeadRole(1, at, "mixed", {"idle": 0.3}, by_cohort, gap, gap))
        found = HeadRoles(tuple(heads), {"head": 40, "tail": 50}, False)
        must, never = [], []
        for at, gap in enumerate((one, two), start=1):
            said = f"attention head {at} is idle for"
            if gap is not None and leaves_out_0(gap) and gap.value > 0:
                must.append(f"{said} 50\u202f% of tail users and 30\u202f% of head users")
            else:
                never.append(said)
        none = "No attention head is clearly idle more often for tail users"
        (must if one is not None and not must else never).append(none)
        yield Case(found, lambda f=found: faithfulness_text.heads(f), tuple(must), tuple(never))


# Hypothetical users

PLACES = ("a", "b", "c", "d")


def _what_if(before: tuple[str, ...], now: tuple[str, ...]) -> WhatIf:
    """A person's list and another's before it; ranks are places in these orders, and what is in neither has none."""
    held: Cohort = "tail"
    moved = []
    for name in PLACES:
        ranks = [order.index(name) + 1 if name in order else None for order in (before, now)]
        scores = [None if rank is None else -float(rank) for rank in ranks]
        if any(rank is not None and rank <= K for rank in ranks):
            moved.append(MovedItem(name, f"Thing {name}", None, held, ranks[0], ranks[1], scores[0], scores[1]))
    items = tuple(
        RankedItem(rank, name, f"Thing {name}", None, -float(rank), held, False)
        for rank, name in enumerate(now[:K], start=1)
    )
    answer = Recommendations(None, "full", (), items, None, None, 0, len(now), 0.0, "transformer")
    return WhatIf(answer, tuple(moved), None, None, 0.0)


def edits() -> Iterator[Case]:
    """All orders of what can be recommended, before and after, also where the edit leaves fewer to recommend."""
    orders = [order for n in (0, 1, 2, 4) for order in itertools.permutations(PLACES, n)]
    for before, now in itertools.product(orders[:: len(orders) // 7], orders):
        found = _what_if(before, now)
        one, two = before[:K], now[:K]
        new, gone = set(two) - set(one), set(one) - set(two)
        parts = ["Nothing is left", "as it was", "in another order", "brings none", f"new item into the first {K}",
                 f"new items into the first {K}"]  # fmt: skip
        if not two:
            must = ["Nothing is left"]
        elif new:
            must = [f"brings {len(new)} new item{'s' if len(new) > 1 else ''} into the first {K}"]
        elif gone:
            must = [f"takes {len(gone)} item{'s' if len(gone) > 1 else ''} out of the first {K}", "brings none"]
        else:
            must = ["as it was"] if one == two else ["The same items as before, in another order"]
        never = [part for part in parts if not any(part in each or each in part for each in must)]
        if two and two[0] != (one or ("",))[0]:
            must.append(f"“Thing {two[0]}” comes first now")
        else:
            never.append("comes first now")
        yield Case((before, now), lambda f=found: what_if_text.verdict(f, K), tuple(must), tuple(never))


def held_out() -> Iterator[Case]:
    for before, now in itertools.product((None, 1, 4), repeat=2):
        one = MovedItem("x", "Thing x", None, "tail", before, now, None, None)
        words = ["–" if rank is None else str(rank) for rank in (before, now)]
        if before == now:
            must, never = (f"rank {words[1]}.",), ("before", "now")
        else:
            must, never = (f"rank {words[0]} before and {words[1]} now",), ()
        yield Case(one, lambda o=one: what_if_text.followed(o), must, never)


def confidences() -> Iterator[Case]:
    """The change is now less before, in points; one too small to show is none."""
    for before, now in itertools.product((None, 0.1, 0.3, 0.3001), (0.1, 0.3)):
        given = None if before is None else Confidence(before, 40.0, K)
        must, never = [f"Confidence {i18n.percent(now)}"], []
        if before is not None and abs(now - before) >= 0.0005:
            must.append(f"Before: {i18n.percent(before)}, so the change is {'+' if now > before else '−'}20.0 points")
        else:
            never.append("Before:")
        say = Confidence(now, 40.0, K)
        yield Case((before, now), lambda n=say, b=given: " ".join(what_if_text.sure(n, b, None)),
                   tuple(part.replace("20.0", "20") for part in must), tuple(never))  # fmt: skip


def curves() -> Iterator[ColdStartCurve]:
    """Means at each length, over or under the average; the whole histories clearly over or under it, or neither."""
    average = 0.2
    for first, second, third in itertools.product((0.1, 0.2, 0.3), repeat=3):
        points = tuple(
            ColdStartPoint(n, clear(value), Estimate(value - average, -1, 1), clear(0.5), 0.4)
            for n, value in zip((0, 1, 5), (first, second, third), strict=True)
        )
        enough = next((point.n for point in points if point.quality.value >= average), None)
        for whole in (Estimate(0.15, 0.1, 0.19), Estimate(0.25, 0.1, 0.3), Estimate(0.28, 0.21, 0.3)):
            yield ColdStartCurve("ndcg@10", "transformer", 10, 50, 60, 100, 5, clear(average), whole, points, enough,
                                 enough, None, 0.2, ())  # fmt: skip


def enough_events() -> Iterator[Case]:
    for curve in curves():
        reached = [p.n for p in curve.points if p.quality.value >= curve.average.value]
        n = min(reached, default=None)
        if n is None:
            must, never = ("never gets as good as the average user's",), ("After", "Even")
        elif n == 0:
            must, never = ("Even with no event",), ("never", "After")
        else:
            must, never = (f"After about {n} event{'s' if n > 1 else ''} a list is as good",), ("never", "Even")
        yield Case(curve, lambda c=curve: what_if_text.enough(c), (*must, "0.2"), never)


def own_levels() -> Iterator[Case]:
    for curve in curves():
        e, average = curve.whole, curve.average.value
        if e.high < average:
            must, never = ["harder to serve"], ["easier", "about the average"]
        elif e.low > average:
            must, never = ["easier to serve"], ["harder", "about the average"]
        else:
            must, never = ["about the average"], ["harder", "easier"]
        as_well = [p.n for p in curve.points if p.quality.value >= e.value]
        if as_well:
            must.append(f"{min(as_well)} event{'' if min(as_well) == 1 else 's'} serve")
            never.append("never")
        else:
            must.append("Fewer events never serve them as well")
        yield Case(curve, lambda c=curve: what_if_text.own_level(c), (*must, i18n.figure(e.value)), tuple(never))


def places() -> Iterator[Case]:
    for curve, n in itertools.product(curves(), (0, 1, 3, 5, 9)):
        stands = [p for p in curve.points if p.n <= n][-1]
        must, never = [f"lists made from {stands.n} had NDCG@10 {i18n.figure(stands.quality.value)}"], []
        if curve.enough is None:
            never += ["That is enough", "more to go"]
        elif n >= curve.enough:
            must, never = [*must, "That is enough"], ["more to go"]
        else:
            must, never = [*must, f"{curve.enough - n} more to go"], ["That is enough"]
        yield Case((curve, n), lambda c=curve, m=n: what_if_text.placed(c, m), tuple(must), tuple(never))


READ: dict[str, Callable[[], Iterator[Case]]] = {
    "faithfulness.verdict": trust,
    "faithfulness.about_attention": readings,
    "faithfulness.heads": idle_heads,
    "what_if.verdict": edits,
    "what_if.followed": held_out,
    "what_if.sure": confidences,
    "what_if.enough": enough_events,
    "what_if.own_level": own_levels,
    "what_if.placed": places,
}

PLAIN: dict[str, Any] = {
    "faithfulness": {
        "method_name", "better", "worse", "whom", "rule", "checks", "about_readings", "about_reading", "role_name",
    },
    "what_if": {"rank", "changes", "newcomer", "enough_users"},
}  # fmt: skip
