"""The glossary of all metrics: name, meaning, formula, range, direction and source, as pages and reports show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Term:
    """A metric, explained.

    Attributes:
        name: as in headings.
        meaning: one plain sentence.
        formula: in the symbols of `engine.evaluation.metrics.accuracy` and `engine.evaluation.metrics.beyond_accuracy`.
        low: the smallest value it can take; None for no bound.
        high: the largest; None for no bound, or one that depends on the data.
        better: which way is better; "neither" where both ends are bad, or where it depends on what is wanted.
        source: the publication that defines it.
        needs: what the data must have, "category"; None if the log is enough.
    """

    name: str
    meaning: str
    formula: str
    low: float | None
    high: float | None
    better: Literal["higher", "lower", "neither"]
    source: str
    needs: Literal["category"] | None = None


_MANNING = "Manning, Raghavan and Schütze, Introduction to information retrieval (2008), section 8.4"
_ABDOLLAHPOURI = "Abdollahpouri, Burke and Mobasher, Managing popularity bias in recommender systems (FLAIRS 2019)"
_GE = "Ge, Delgado-Battenfeld and Jannach, Beyond accuracy (RecSys 2010)"
_SHANI = "Shani and Gunawardana, Evaluating recommendation systems (2011), section 8.3"

GLOSSARY: Mapping[str, Term] = MappingProxyType(
    {
        "hr": Term(
            "Hit rate",
            "How many users find something they went on to choose in their list.",
            "max over t in T of [r_t ≤ k]",
            *(0, 1, "higher"),
            "Deshpande and Karypis, Item-based top-N recommendation algorithms (TOIS 2004)",
        ),
        "ndcg": Term(
            "NDCG",
            "How high in the list the right items stand; 1 is on top, 0 is not in the list.",
            "(sum over t in T of [r_t ≤ k] / log2(r_t + 1)) / (sum over i = 1..min(k, |T|) of 1 / log2(i + 1))",
            *(0, 1, "higher"),
            "Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques (TOIS 2002)",
        ),
        "mrr": Term(
            "MRR",
            "One over the place of the first right item; 0 where it is not in the list.",
            "max over t in T of [r_t ≤ k] / r_t",
            *(0, 1, "higher"),
            "Voorhees, The TREC-8 question answering track report (TREC 1999)",
        ),
        "precision": Term(
            "Precision",
            "The share of the list that is right.",
            "(sum over t in T of [r_t ≤ k]) / k",
            *(0, 1, "higher"),
            _MANNING,
        ),
        "recall": Term(
            "Recall",
            "The share of what the user went on to choose that is in the list.",
            "(sum over t in T of [r_t ≤ k]) / |T|",
            *(0, 1, "higher"),
            _MANNING,
        ),
        "f1": Term(
            "F1",
            "The harmonic mean of precision and recall.",
            "2 (sum over t in T of [r_t ≤ k]) / (k + |T|)",
            *(0, 1, "higher"),
            "van Rijsbergen, Information retrieval (1979), chapter 7",
        ),
        "map": Term(
            "MAP",
            "Precision at each right item of the list, averaged.",
            "(sum over t in T of [r_t ≤ k] P@r_t) / min(k, |T|)",
            *(0, 1, "higher"),
            f"{_MANNING}, cut at k",
        ),
        "log_rank": Term(
            "Log rank",
            "The logarithm of the place of the best right item among all candidates; it says something of every user.",
            "ln(min over t in T of r_t); a miss counts as rank |C| + 1",
            *(0, None, "lower"),
            "Robertson, On GMAP: and other transformations (CIKM 2006), on averaging logarithms",
        ),
        "aplt": Term(
            "Tail share (APLT)",
            "The share of a user's list that is tail items, averaged over users.",
            "|L ∩ Γ| / |L|",
            *(0, 1, "higher"),
            _ABDOLLAHPOURI,
        ),
        "arp": Term(
            "Popularity (ARP)",
            "How many training interactions the items of the list have, on average.",
            "(sum over i in L of φ(i)) / |L|",
            *(0, None, "neither"),
            "Yin, Cui, Li, Yao and Chen, Challenging the long tail recommendation (VLDB 2012)",
        ),
        "novelty": Term(
            "Novelty",
            "How little known the items of the list are, in bits: one more bit means half as many users.",
            "(sum over i in L of -log2 p(i)) / |L|, p(i) the share of training users with i",
            *(0, None, "higher"),
            "Zhou et al., Solving the apparent diversity-accuracy dilemma of recommender systems (PNAS 2010)",
        ),
        "ild": Term(
            "Diversity (ILD)",
            "How unlike each other the items of the list are, by category, or else by their users.",
            "1 - mean over pairs i, j of L of cos(i, j)",
            *(0, 1, "higher"),
            "Smyth and McClave, Similarity vs. diversity (ICCBR 2001); Ziegler et al. (WWW 2005)",
        ),
        "calibration": Term(
            "Miscalibration",
            "How far the categories of the list are from those of the user's history; 0 is the same mix.",
            "sum over g of p(g) ln(p(g) / (0.99 q(g) + 0.01 p(g))), p of the history, q of the list",
            *(0, 4.605170185988092, "lower"),
            "Steck, Calibrated recommendations (RecSys 2018)",
            "category",
        ),
        "serendipity": Term(
            "Serendipity",
            "The share of the list that is right, new to the user and not what popularity would have recommended.",
            "|(L without H and without the k most popular) ∩ T| / k",
            *(0, 1, "higher"),
            f"{_GE}; Adamopoulos and Tuzhilin, On unexpectedness in recommender systems (TIST 2014)",
        ),
        "coverage": Term(
            "Coverage",
            "The share of all items that at least one of these users is shown; it grows with the number of users.",
            "|{i in C: e(i) > 0}| / |C|",
            *(0, 1, "higher"),
            _GE,
        ),
        "tail_coverage": Term(
            "Tail coverage",
            "The share of tail items that at least one of these users is shown; it grows with the number of users.",
            "|{i in C ∩ Γ: e(i) > 0}| / |C ∩ Γ|",
            *(0, 1, "higher"),
            f"{_GE}, of tail items alone",
        ),
        "tail_exposure": Term(
            "Tail exposure",
            "The share of all places in these users' lists that tail items hold.",
            "(sum over i in Γ of e(i)) / (sum over i of e(i))",
            *(0, 1, "higher"),
            f"{_ABDOLLAHPOURI}, pooled over users",
        ),
        "exposure_gini": Term(
            "Exposure Gini",
            "How unequally items are shown: 0 is all alike, near 1 is few items everywhere.",
            "(sum over i of (2 i - n - 1) e_i) / (n sum over i of e_i), exposures e_1 ≤ ... ≤ e_n of the n candidates",
            *(0, 1, "lower"),
            _SHANI,
        ),
        "exposure_entropy": Term(
            "Exposure entropy",
            "How evenly items are shown: 1 is all alike, 0 is one item alone.",
            "(-sum over i of p_i ln p_i) / ln |C|, p_i = e(i) / sum over j of e(j)",
            *(0, 1, "higher"),
            _SHANI,
        ),
        "popularity_lift": Term(
            "Popularity lift (ΔGAP)",
            "How much more popular lists are than what these users chose; 0 is as popular, 1 is twice.",
            "(GAP_L - GAP_H) / GAP_H, mean over users of the mean φ of lists (L) and of histories (H)",
            *(-1, None, "neither"),
            "Abdollahpouri, Mansoury, Burke and Mobasher, The unfairness of popularity bias in recommendation (2019)",
        ),
        "cvar": Term(
            "Worst-served share (CVaR)",
            "The mean figure of the fifth of users who are served worst.",
            "(x_1 + ... + x_m + (α n - m) x_(m+1)) / (α n), worst first, of the n users; m = ⌊α n⌋, α = 0.2",
            *(0, None, "neither"),
            "Rockafellar and Uryasev, Optimization of conditional value-at-risk (Journal of Risk 2000)",
        ),
        "utility_gini": Term(
            "Utility Gini",
            "How unequally users are served: 0 is all alike, near 1 is a few users who get everything.",
            "(sum over i and j of |x_i - x_j|) / (2 n² mean x) of the n users",
            *(0, 1, "lower"),
            "Speicher et al., A unified approach to quantifying algorithmic unfairness (KDD 2018)",
        ),
    }
)
"""A term for each family of figures: what stands before the "@" of "ndcg@10"."""


UNEVEN = ("cvar", "utility_gini")
"""Families that `engine.evaluation.fairness.disparity` makes of any figure; no run keeps them."""


def term_of(figure: str) -> Term:
    """The term of a figure such as "ndcg@10" or "log_rank".

    Raises:
        KeyError: there is no such figure.

    >>> term = engine.term_of("ndcg@10")
    >>> term.name, term.better, term.low, term.high
    ('NDCG', 'higher', 0, 1)
    """
    return GLOSSARY[figure.partition("@")[0]]
