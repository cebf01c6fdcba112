"""Every sentence about a difference, over all signs, orders, intervals, ties and gaps in figures, read again.

For each function that makes such sentences there are cases, generated from figures, and a reader: a small function that
says from the figures alone what must be said, and what must not. A new function must be entered in `READ` or, where it
says nothing of a difference, in `PLAIN`.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

import engine
from dashboard.text import (
    common as common_text,
    fairness as fairness_text,
    faithfulness as faithfulness_text,
    gap as gap_text,
    i18n,
    what_if as what_if_text,
)
from engine import Comparison, Disparity, Gap, GapByAllMetrics, GapChange, GapDecomposition, GroupRange
from tests.unit.dashboard.text import statements_explained as explained
from tests.unit.dashboard.text.statements import Case, clear, estimates, leaves_out_0, unclear

HIGHER, LOWER, NEITHER = "ndcg@10", "log_rank", "arp@10"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.use("en")
    yield
    i18n.use("en")


# The gap of one model


def gaps(metric: str) -> Iterator[Gap]:
    """Differences of all signs and sizes with and without a ratio, found or not, of few users or enough."""
    for difference in (-0.04, -0.0, 0.02, 0.3):
        head = 0.1 if metric != LOWER else 3.0
        tail = head + difference
        for significant, small, few, with_ratio in itertools.product((True, False), repeat=4):
            if significant and (difference == 0 or small):
                continue
            yield Gap(
                metric=metric,
                model="transformer",
                by="users",
                head=clear(head),
                tail=clear(tail),
                n_head=20 if small else 400,
                n_tail=1600,
                difference=(clear if significant else unclear)(difference),
                ratio=clear(tail / head) if with_ratio else None,
                p_value=0.01 if significant else 0.5,
                significant=significant,
                too_small=small,
                few_hits=few,
            )


def reading(gap: Gap) -> str:
    """What a gap says: from its figures alone."""
    if gap.too_small:
        return "few"
    if not gap.significant:
        return "even"
    tail_lower = gap.tail.value < gap.head.value
    return "worse" if tail_lower == (gap.metric != LOWER) else "better"


def verdicts() -> Iterator[Case]:
    for metric, by in itertools.product((HIGHER, LOWER), ("users", "items")):
        for gap in gaps(metric):
            told = reading(gap)
            for hits in (None, *(replace(g, metric="hr@10") for g in gaps(HIGHER) if g.ratio and not g.few_hits)):
                others = {} if hits is None or metric == LOWER else {"hr@10": hits}
                whole = GapByAllMetrics(gap, others)
                must, never = expected_verdict(gap, told, reading(hits) if hits and others else None, by)
                yield Case(whole, lambda w=whole, b=by: gap_text.verdict(w, b).text, must, never)
                if metric == LOWER:
                    break


def expected_verdict(gap: Gap, told: str, hit: str | None, by: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    directions = (" worse ", " worse", "better", "lower", "higher", "No clear", "Too few", "as often", "less often")
    if told == "few":
        must: tuple[str, ...] = ("Too few users to tell",)
    elif by == "users" and gap.metric == HIGHER and hit not in (None, "few", told):
        often = {"even": "as often as", "worse": "less often than", "better": "more often than"}[str(hit)]
        place = {"worse": "but lower in the list", "better": "higher in the list", "even": "no clear difference"}[told]
        must = (often, place, *([told] if told != "even" else []))
    elif told == "even":
        must = ("No clear difference",)
    elif gap.metric == LOWER:
        must = ("lower" if told == "worse" else "higher",)
    elif told == "better" and gap.ratio is not None and gap.ratio.value >= 2:
        must = ("times", "as well as")
    else:
        must = (f" {told} ",)
        if gap.ratio is not None:
            must += (f"{round(100 * abs(gap.tail.value / gap.head.value - 1))}\u202f%", " to ")
        else:
            must += (i18n.figure(abs(gap.difference.value)), " to ")
    said = " ".join(must)
    never = tuple(d for d in directions if d.strip() not in said and (told, d) not in {("better", "lower")})
    return must, (*never, "nan", "inf", "89")


def agreements() -> Iterator[Case]:
    each = {told: next(g for g in gaps(HIGHER) if reading(g) == told) for told in ("worse", "better", "even")}
    for main, one, two in itertools.product(each, repeat=3):
        given = {"NDCG@10": each[main], "MRR@10": replace(each[one], metric="mrr@10"),
                 "HR@10": replace(each[two], metric="hr@10")}  # fmt: skip
        whole = GapByAllMetrics(given["NDCG@10"], {"mrr@10": given["MRR@10"], "hr@10": given["HR@10"]})
        must = []
        for told, words_ in (("worse", "worse by"), ("better", "better by"), ("even", "no clear difference by")):
            names = [name for name, gap in given.items() if reading(gap) == told]
            must += [f"{words_} {common_text.listing(names)}"] if names else []
        yield Case(whole, lambda w=whole: gap_text.agreement(w), tuple(must))
    few = next(g for g in gaps(HIGHER) if g.too_small)
    yield Case(few, lambda: gap_text.agreement(GapByAllMetrics(few, {"hr@10": few})) or "–", ("–",))


def rank_gaps() -> Iterator[Case]:
    for gap in gaps(LOWER):
        told = reading(gap)
        must = {"few": "too few users", "even": "no clear", "worse": "fare worse", "better": "fare better"}[told]
        never = tuple(w for w in ("too few", "no clear", "worse", "better") if w not in must)
        yield Case(gap, lambda g=gap: gap_text.rank_gap(g), (must,), never)


def ceilings() -> Iterator[Case]:
    gap = next(gaps(HIGHER))
    for head, tail, found in itertools.product((0.0, 0.3, 0.35), (0.0, 0.3, 0.35), (None, gap)):
        shares: tuple[str, ...] = ()
        if found is not None and head and tail:
            got = {"tail": gap.tail.value / tail, "head": gap.head.value / head}
            shares = (f"tail users get {i18n.percent(got['tail'])}", f"head users {i18n.percent(got['head'])}")
        must = ("no model could close" if tail < head else "no worse for the tail", *shares)
        never = () if shares else ("Of what the oracle",)
        yield Case((head, tail), lambda h=head, t=tail, f=found: gap_text.ceiling_gap(h, t, f), must, never)


# One model against another


def comparisons() -> Iterator[Case]:
    for metric, value, significant, small in itertools.product((HIGHER, LOWER), (-0.1, 0.0, 0.1), *[(True, False)] * 2):
        if significant and (value == 0 or small):
            continue
        e = (clear if significant else unclear)(value)
        c = Comparison(metric, "transformer", "ease", "all", 9, 0.1 + value, 0.1, e, 0.01, 0.1, significant, small)
        if small:
            must = "Too few users"
        elif not significant:
            must = "is level with"
        else:
            must = "is ahead of" if (value > 0) == (metric == HIGHER) else "is behind"
        never = tuple(w for w in ("level", "behind", "Too few") if w not in must)
        yield Case(c, lambda c=c: gap_text.comparison(c), (must,), never)


def changes() -> Iterator[GapChange]:
    """Gaps before and after, of all signs, clear or not; gains that fit them; found or not."""
    for metric, before, after in itertools.product((HIGHER, LOWER, NEITHER), estimates(0.05), estimates(0.02)):
        # The same change of the gap comes about by many gains: tail's less head's is what it changes by.
        moved = after.value - before.value
        for head_gain, found, size_found, small in itertools.product((-0.2, 0.0, 0.2), *[(True, False)] * 3):
            size = abs(after.value) - abs(before.value)
            if (found and moved == 0) or (size_found and size == 0) or (small and (found or size_found)):
                continue
            if before.value * after.value >= 0 and found != size_found:
                continue  # the same test, as long as the gap keeps its sign
            gain, other = clear(moved + head_gain), clear(head_gain)
            worse = {HIGHER: -1, LOWER: 1, NEITHER: 0}[metric]
            paid = tuple(n for n, e in (("tail", gain), ("head", other)) if e.value * worse > 0)
            yield GapChange(
                metric, "tail", "head", 300, 200, before, after, gain, other,
                (clear if found else unclear)(moved), 0.01 if found else 0.5, found, small,
                (clear if size_found else unclear)(size), 0.01 if size_found else 0.5, size_found,
                size < 0, before.value * after.value < 0, paid,
            )  # fmt: skip


VERBS = ("narrows", "widens", "turns the gap over", "shifts the balance", "does not clearly change the gap", "Too few")


def what_changed() -> Iterator[Case]:
    for c in changes():
        must, verb = [], ""
        before, after = c.old_gap, c.new_gap
        opposite = before.value * after.value < 0
        tail_gained_more = c.difference.value > 0 if c.metric != LOWER else c.difference.value < 0
        size = abs(after.value) - abs(before.value)
        if c.too_small:
            verb = "Too few"
        elif opposite and c.significant and leaves_out_0(before) and leaves_out_0(after):
            verb = "turns the gap over"
            must += [
                "head users were ahead" if tail_gained_more else "tail users were ahead",
                "now tail users" if tail_gained_more else "now head users",
                f"{abs(before.value):.4f}"[:5],
            ]
        elif c.size_significant and not (opposite and c.significant):
            verb = "narrows" if size < 0 else "widens"
            must.append(f"by {i18n.figure(abs(size))}.")
        elif c.significant:
            verb = "shifts the balance"
            must.append("towards tail users" if tail_gained_more else "towards head users")
        else:
            verb = "does not clearly change the gap"
        if verb in ("turns the gap over", "shifts the balance"):
            direction = "falls" if size < 0 else "grows"
            must.append(f"Its size {direction} by" if c.size_significant else "Its size does not clearly change")
        never = [v for v in VERBS if v != verb]
        if not opposite:
            never.append("turns the gap over")
        yield Case(c, lambda c=c: gap_text.changed(c, "old", "new"), (verb, *must), tuple(never))


def who_pays() -> Iterator[Case]:
    for c in changes():
        if c.metric == NEITHER:
            yield Case(c, lambda c=c: gap_text.who_paid(c) or "–", ("–",))
            continue
        good = 1 if c.metric == HIGHER else -1
        tail, head = (good * e.value if leaves_out_0(e) else 0 for e in (c.gain, c.gain_other))
        must: list[str] = []
        if tail > 0 and head > 0:
            must = ["Both gain"]
        elif tail < 0 and head < 0:
            must = ["Both are served worse"]
        else:
            must += ["Tail users gain" if tail > 0 else "tail users pay" if tail < 0 and head > 0 else ""]
            must += ["Head users gain" if head > 0 else "head users pay" if head < 0 and tail > 0 else ""]
            must += ["Nobody clearly gains or pays"] if tail == head == 0 else []
        more = c.significant and tail * head > 0
        if more and tail > 0:
            must.append("tail users more." if tail > head else "head users more.")
        elif more:
            must.append("head users more so" if tail > head else "tail users more so")
        never = ("more",) if not more else ()
        yield Case(c, lambda c=c: gap_text.who_paid(c), tuple(filter(None, must)), never)


def change_evidences() -> Iterator[Case]:
    for c in changes():
        must = (gap_text.span(c.size), gap_text.span(c.difference), gap_text.span(c.new_gap), "size changes by")
        yield Case(c, lambda c=c: gap_text.change_evidence(c), must, ("nan",))


# What is behind a gap


def gap_parts() -> Iterator[GapDecomposition]:
    for metric, length, users in itertools.product((HIGHER, LOWER), estimates(0.05), estimates(0.03)):
        value = length.value + users.value
        for gap, small in itertools.product((clear(value), unclear(value)), (True, False)):
            counted = leaves_out_0(length), leaves_out_0(users)
            verdict = {
                (True, True): "both",
                (True, False): "length",
                (False, True): "users",
                (False, False): "unclear" if leaves_out_0(gap) else "neither",
            }[counted]
            for dominant in ("length", "users", None):
                told: Any = "unclear" if small else verdict
                if dominant and told in ("unclear", "neither"):
                    continue
                yield GapDecomposition(
                    metric, clear(1.0), clear(1 + length.value), clear(1 + value), gap, length, users,
                    None, None, told, dominant,  # pyright: ignore[reportArgumentType]
                )  # fmt: skip


def what_is_behind() -> Iterator[Case]:
    claims = ("explain the gap", "Two things are behind", "no clear gap", "cannot be told", "pull")
    for p in gap_parts():
        part = {"length": p.length, "users": p.users}.get(p.verdict)
        gap_is_clear = leaves_out_0(p.gap)
        if part is not None and gap_is_clear and part.value * p.gap.value > 0:
            must = ["Short histories explain" if p.verdict == "length" else "Different users explain"]
        elif part is not None:
            must = [
                "Short histories" if p.verdict == "length" else "Different users",
                "pull against the gap" if gap_is_clear else "no gap is clear",
            ]
        elif p.verdict == "both":
            must = ["pull one way"] if p.length.value * p.users.value < 0 else ["Two things are behind the gap"]
            if must[0].startswith("Two") and p.dominant:
                must.append(
                    {"length": "Short histories are the larger", "users": "Different users are the larger"}[p.dominant]
                )
        else:
            must = ["no clear gap to explain"] if p.verdict == "neither" else ["cannot be told"]
        never = tuple(
            claim for claim in claims if claim not in " ".join(must) and claim not in ("explain the gap", "pull")
        )
        never += ("explain the gap",) if not any("explain" in m for m in must) else ()
        yield Case(p, lambda p=p: fairness_text.parts(p), tuple(must), never)


def worst_groups() -> Iterator[Case]:
    for metric, one, two, first, second in itertools.product(
        (HIGHER, LOWER), (-0.2, 0.0, 0.2), (-0.1, 0.0, 0.1), *[(True, False)] * 2
    ):
        rows = [
            {"rule": f"region={name}", "n": 50, "difference": value, "low": value - 0.01, "high": value + 0.01,
             "significant": told and value != 0}
            for name, value, told in (("a", one, first), ("b", two, second))
        ]  # fmt: skip
        bad = -1 if metric == HIGHER else 1
        worse = [row for row in rows if row["significant"] and row["difference"] * bad > 0]
        worst = max(worse, key=lambda row: abs(row["difference"])) if worse else None
        if worst is None:
            must, never = ("No group fares clearly worse", "2 comparisons"), ("Worst served",)
        else:
            name = worst["rule"].removeprefix("region=")
            must = (f"Worst served: Region: {name.upper()}.", "below" if metric == HIGHER else "above",
                    i18n.figure(abs(worst["difference"])))  # fmt: skip
            must = (must[0].replace(name.upper(), name), *must[1:])
            never = ("No group",)
        table = pd.DataFrame(rows)
        yield Case(rows, lambda t=table, m=metric: fairness_text.worst_group(t, m), must, never)
    empty = pd.DataFrame(rows).iloc[:0]
    yield Case(empty, lambda: fairness_text.worst_group(empty, HIGHER), ("No group", "0 comparisons"))


def disparities() -> Iterator[Case]:
    for worst, gini, ranks, protocol in itertools.product(
        (0.0, 0.1), (None, clear(0.5)), (True, False), ("leave-last-out", "temporal")
    ):
        found = Disparity(HIGHER, "transformer", "higher", 90, clear(0.2), None, (), 0.2, clear(worst), gini)
        other = replace(found, metric=LOWER, better="lower", worst_share=clear(5.0), mean=clear(3.0)) if ranks else None
        if protocol == "leave-last-out":
            must, never = ("would measure luck",), ("Gini index of", "worst-served 20", "By rank")
        else:
            must = ("get nothing" if worst == 0 else "have a mean", *(["Gini index of"] if gini else []))
            must += ("By rank",) if ranks else ()
            never = ("measure luck", *([] if gini else ["Gini"]))
        yield Case(found, lambda f=found, o=other, p=protocol: fairness_text.uneven(f, o, p), must, never)


def ranges() -> Iterator[Case]:
    for p in (0.0001, 0.3):
        found = GroupRange(("region=a", "region=b"), "region=a", "region=b", clear(0.1), clear(0.2), 0.05, p, None)
        must = ("Best served: Region: a", "Worst served: Region: b", "p < 0.001" if p < 0.001 else "p = 0.30")
        yield Case(found, lambda f=found: fairness_text.apart(f), must)


READ: dict[str, Callable[[], Iterator[Case]]] = {
    "gap.verdict": verdicts,
    "gap.agreement": agreements,
    "gap.rank_gap": rank_gaps,
    "gap.ceiling_gap": ceilings,
    "gap.comparison": comparisons,
    "gap.changed": what_changed,
    "gap.who_paid": who_pays,
    "gap.change_evidence": change_evidences,
    "fairness.parts": what_is_behind,
    "fairness.worst_group": worst_groups,
    "fairness.uneven": disparities,
    "fairness.apart": ranges,
    **explained.READ,
}
"""A function that says something of a difference -> its cases, with what a reader of the figures expects."""

PLAIN = {
    "gap": {"verdict_of", "span", "p_value", "rank_of"},
    "fairness": {
        "parts_evidence", "kind_name", "targets", "ceiling_name", "group_name", "dimension_name", "too_small", "share",
        "one_target", "uneven_rows", "span_of", "of_lists",
    },
    **explained.PLAIN,
}  # fmt: skip
"""Functions that give names, figures with their signs, or what the others say."""


def functions(module: ModuleType) -> set[str]:
    return {
        name
        for name, made in inspect.getmembers(module, inspect.isfunction)
        if made.__module__ == module.__name__ and not name.startswith("_")
    }


@pytest.mark.parametrize("module", [gap_text, fairness_text, faithfulness_text, what_if_text])
def test_every_function_is_read_or_known_to_be_plain(module: ModuleType) -> None:
    home = module.__name__.rpartition(".")[2]
    read = {name.partition(".")[2] for name in READ if name.startswith(f"{home}.")}
    assert functions(module) == read | PLAIN[home]
    assert not read & PLAIN[home]


@pytest.mark.parametrize("name", READ)
def test_every_sentence_says_what_its_figures_say(name: str) -> None:
    seen = set()
    for case in READ[name]():
        text = case.say()
        seen.add(re.sub(r"[-−+]?[\d.,]+", "#", text))
        missing = [part for part in case.must if part not in text]
        wrong = [part for part in case.never if part in text]
        assert not missing, (text, missing, case.figures)
        assert not wrong, (text, wrong, case.figures)
        assert "{" not in text
    assert len(seen) > 1  # figures make a difference


@pytest.mark.parametrize("name", READ)
def test_every_sentence_stands_in_chinese(name: str) -> None:
    metrics, names = "NDCG@10|arp@10|HR@10|MRR@10", "EASE|Transformer|old|new|Region|n|p|region|a|b|Cliff"
    allowed = re.compile(f"{metrics}|{names}|SHAP|rollout|softmax|Thing")
    i18n.use("zh")
    seen = set()
    for case in READ[name]():
        text = case.say()
        if text in seen or text == "–":
            continue
        seen.add(text)
        english = [
            word for word in re.findall(r"[A-Za-z@0-9]*[A-Za-z]{2,}[A-Za-z@0-9]*", text) if not allowed.fullmatch(word)
        ]
        assert not english, text
        assert re.search(r"[\u4e00-\u9fff]", text), text


def test_directions_come_from_the_glossary() -> None:
    """No sentence asks a metric's name which way is better."""
    assert {engine.term_of(m).better for m in (HIGHER, LOWER, NEITHER)} == {"higher", "lower", "neither"}
    for family, term in engine.GLOSSARY.items():
        assert term.better in ("higher", "lower", "neither"), family


@pytest.mark.parametrize("family", engine.GLOSSARY)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_metric_is_explained(family: str, lang: str) -> None:
    i18n.use(lang)
    gloss = common_text.metric_gloss(f"{family}@10" if family != LOWER else LOWER)
    name, _colon, meaning = gloss.partition(i18n._(": "))
    assert name
    assert len(meaning) > (15 if lang == "en" else 6)
    if lang == "zh":
        assert re.search(r"[\u4e00-\u9fff]", meaning), gloss


def test_faithfulness_calls_nothing_better_that_is_not() -> None:
    """The verdict on ways to explain, over all signs and clarities of both curves."""
    for deletion, insertion in itertools.product(estimates(0.1), repeat=2):
        aucs = engine.Aucs(deletion, insertion, 90)
        is_better = deletion.high < 0 and insertion.low > 0
        is_worse = deletion.low > 0 and insertion.high < 0
        assert faithfulness_text.better(aucs) == is_better
        assert faithfulness_text.worse(aucs) == is_worse
