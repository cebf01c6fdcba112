"""How far explanations can be trusted, in plain sentences: the same on the page, in the report and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.text.common import listing
from dashboard.text.i18n import _, count, figure, percent, signed

if TYPE_CHECKING:
    from engine import Aucs, Faithfulness, HeadRoles

READINGS = ("gradient_attention", "rollout", "attention")
"""The methods that read attention."""


def method_name(method: str) -> str:
    """A method's key as people write it."""
    names = {
        "shap": _("SHAP"),
        "gradient_attention": _("Attention weighted by gradients"),
        "rollout": _("Attention rollout"),
        "attention": _("Raw attention"),
        "recency": _("The newest first"),
        "random": _("A random order"),
    }
    return names[method]


def better(difference: Aucs) -> bool:
    """Whether a method minus another is clearly better in both curves."""
    return difference.deletion_auc.high < 0 < difference.insertion_auc.low


def worse(difference: Aucs) -> bool:
    """Whether it is clearly worse in both."""
    return difference.deletion_auc.low > 0 > difference.insertion_auc.high


def verdict(found: Faithfulness) -> str:
    """Whether SHAP names what moves the scores, and what that means in figures."""
    shap, random = found.methods["shap"].overall, found.methods["random"].overall
    rivals = [name for name, score in found.methods.items() if name != "shap" and not worse(score.against["shap"])]
    figures = {
        "deletion": figure(shap.deletion_auc.value),
        "insertion": figure(shap.insertion_auc.value),
        "random": figure(random.deletion_auc.value),
    }
    if not rivals:
        return _(
            "SHAP names what moves the scores better than any other order of events: hiding its first ones first "
            "leaves {deletion} of what the history adds (a random order: {random}), showing them first gives "
            "{insertion}."
        ).format(**figures)
    return _(
        "SHAP is not clearly ahead of {rivals}: hiding its first events first leaves {deletion} of what the history "
        "adds (a random order: {random}), showing them first gives {insertion}."
    ).format(rivals=listing([method_name(name) for name in rivals]), **figures)


def about_attention(found: Faithfulness) -> str:
    """Which readings of attention do better than a random order."""
    good = [name for name in READINGS if better(found.methods[name].against["random"])]
    bad = [method_name(name) for name in READINGS if name not in good]
    names = [method_name(name) for name in good]
    if not names:
        return _("No reading of attention is clearly better than a random order.")
    if not bad:
        return _("Every reading of attention is better than a random order.")
    return _("Better than a random order: {good}. Not clearly better: {bad}.").format(
        good=listing(names), bad=listing(bad)
    )


def whom(found: Faithfulness) -> str:
    """Whom it was measured on, and whose scores these are."""
    asked = _("{head} head and {tail} tail users, each about the first recommendation.").format(
        head=count(found.n_users.get("head", 0)), tail=count(found.n_users.get("tail", 0))
    )
    cohorts = next(iter(found.methods.values())).users
    for cohort in (cohort for cohort, n in found.n_users.items() if n and cohort not in cohorts):
        asked += (
            " "
            + {
                "head": _("Of head users alone it cannot be said: their histories add too little to the scores."),
                "tail": _("Of tail users alone it cannot be said: their histories add too little to the scores."),
            }[cohort]
        )
    if found.answers == "ensemble":
        asked += " " + _("Scores and SHAP are the ensemble's; attention is its Transformer's.")
    return asked


def rule() -> str:
    """How the areas are made."""
    return _(
        "Areas under the curves, as a share of what histories add to the score (the sum over users of areas above the "
        "empty history's score, over the sum of what the whole histories add): nobody is left out."
    )


def checks(found: Faithfulness) -> list[str]:
    """Stability and the sanity check."""
    said: list[str] = []
    if found.stability is not None:
        said.append(
            _(
                "With another seed, SHAP's mean rank correlation is {value} over {n} users. Attention has no seed."
            ).format(value=figure(found.stability.value, 2), n=count(found.n_checked))
        )
    parts = [
        _("{method} {value}").format(method=method_name(name), value=figure(e.value, 2))
        for name, e in found.sanity.items()
    ]
    if parts:
        said.append(
            _(
                "With random weights in the Transformer an explanation must change. Rank correlation between before "
                "and after (0 is best): {parts}."
            ).format(parts=listing(parts))
        )
    return said


def about_readings() -> str:
    """The three readings of attention."""
    return " ".join(about_reading(reading) for reading in ("raw", "rollout", "gradient"))


def about_reading(reading: str) -> str:
    """One reading of attention."""
    return {
        "raw": _("Weights: where each attention head looked."),
        "rollout": _(
            "Flow through layers (rollout, Abnar and Zuidema 2020): how far each place draws on each event when layers "
            "are multiplied, attention heads averaged and the residual path counted as half; the same for every item."
        ),
        "gradient": _(
            "For one item (Chefer et al. 2021): each weight times how much the item's score would rise with it; what "
            "is below 0 is left out."
        ),
    }[reading]


def role_name(role: str) -> str:
    """What a head does, in a word or two."""
    return {
        "idle": _("spreads evenly"),
        "first": _("first event"),
        "newest": _("newest event"),
        "recent": _("recent events"),
        "category": _("same category"),
        "repeats": _("repeated items"),
        "early": _("early events"),
        "mixed": _("mixed"),
    }[role]


def heads(found: HeadRoles) -> str:
    """What heads do, and which of them go idle for tail users."""
    parts = [
        _("layer {layer}, attention head {head}: {role}").format(layer=h.layer, head=h.head, role=role_name(h.role))
        for h in found.heads
    ]
    text = _("Over many users: {parts}.").format(parts="; ".join(parts))
    idle = [h for h in found.heads if h.idle_gap is not None and h.idle_gap.low > 0]
    for h in idle:
        assert h.idle_gap is not None
        shares = {c: percent(h.by_cohort[c]["idle"].value) for c in ("head", "tail")}
        text += " " + _(
            "Layer {layer}, attention head {head} is idle for {tail} of tail users and {heads} of head users ({gap} "
            "points)."
        ).format(
            layer=h.layer, head=h.head, tail=shares["tail"], heads=shares["head"], gap=signed(100 * h.idle_gap.value, 2)
        )
    if not idle and found.heads and found.heads[0].idle_gap is not None:
        text += " " + _("No attention head is clearly idle more often for tail users than for head users.")
    return text
