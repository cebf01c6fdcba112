"""The names and meanings of the glossary's figures in the reader's language.

The engine speaks English alone; what it says of each figure stands here once more, where messages are collected from. A
test holds the two together.
"""

from __future__ import annotations

from dashboard.text.i18n import _


def term_name(figure: str) -> str:
    """What a figure such as "aplt@10" is called."""
    return _texts()[figure.partition("@")[0]][0]


def term_meaning(figure: str) -> str:
    """What a figure measures, in one sentence."""
    return _texts()[figure.partition("@")[0]][1]


def _texts() -> dict[str, tuple[str, str]]:
    """Family -> name and meaning."""
    return {
        "hr": (
            _("Hit rate"),
            _("How many users find something they went on to choose in their list."),
        ),
        "ndcg": (
            _("NDCG"),
            _("How high in the list the right items stand; 1 is on top, 0 is not in the list."),
        ),
        "mrr": (
            _("MRR"),
            _("One over the place of the first right item; 0 where it is not in the list."),
        ),
        "precision": (
            _("Precision"),
            _("The share of the list that is right."),
        ),
        "recall": (
            _("Recall"),
            _("The share of what the user went on to choose that is in the list."),
        ),
        "f1": (
            _("F1"),
            _("The harmonic mean of precision and recall."),
        ),
        "map": (
            _("MAP"),
            _("Precision at each right item of the list, averaged."),
        ),
        "log_rank": (
            _("Log rank"),
            _(
                "The logarithm of the place of the best right item among all candidates; it says something of every"
                " user."
            ),
        ),
        "aplt": (
            _("Tail share (APLT)"),
            _("The share of a user's list that is tail items, averaged over users."),
        ),
        "arp": (
            _("Popularity (ARP)"),
            _("How many training interactions the items of the list have, on average."),
        ),
        "novelty": (
            _("Novelty"),
            _("How little known the items of the list are, in bits: one more bit means half as many users."),
        ),
        "ild": (
            _("Diversity (ILD)"),
            _("How unlike each other the items of the list are, by category, or else by their users."),
        ),
        "calibration": (
            _("Miscalibration"),
            _("How far the categories of the list are from those of the user's history; 0 is the same mix."),
        ),
        "serendipity": (
            _("Serendipity"),
            _("The share of the list that is right, new to the user and not what popularity would have recommended."),
        ),
        "coverage": (
            _("Coverage"),
            _("The share of all items that at least one of these users is shown; it grows with the number of users."),
        ),
        "tail_coverage": (
            _("Tail coverage"),
            _("The share of tail items that at least one of these users is shown; it grows with the number of users."),
        ),
        "tail_exposure": (
            _("Tail exposure"),
            _("The share of all places in these users' lists that tail items hold."),
        ),
        "exposure_gini": (
            _("Exposure Gini"),
            _("How unequally items are shown: 0 is all alike, near 1 is few items everywhere."),
        ),
        "exposure_entropy": (
            _("Exposure entropy"),
            _("How evenly items are shown: 1 is all alike, 0 is one item alone."),
        ),
        "popularity_lift": (
            _("Popularity lift (ΔGAP)"),
            _("How much more popular lists are than what these users chose; 0 is as popular, 1 is twice."),
        ),
        "cvar": (
            _("Worst-served share (CVaR)"),
            _("The mean figure of the fifth of users who are served worst."),
        ),
        "utility_gini": (
            _("Utility Gini"),
            _("How unequally users are served: 0 is all alike, near 1 is a few users who get everything."),
        ),
    }
