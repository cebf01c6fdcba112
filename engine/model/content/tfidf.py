"""Text to directions: TF-IDF of character n-grams, reduced to a few dimensions by a truncated SVD.

Character n-grams need no word boundaries, so they work for Chinese too. The space is fitted on one table and stored, so
that the items of another log can be projected into it: what a network has learnt about its directions then applies to
them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NGRAMS = (2, 4)
"""Shortest and longest n-grams."""

MOST_NGRAMS = 50_000


@dataclass(frozen=True)
class TextSpace:
    """A latent semantic space (Deerwester et al. 1990).

    Attributes:
        ngrams: the n-grams that are counted in a text.
        idf: (n_ngrams,) float64 weight of each.
        components: (n_dimensions, n_ngrams) float32 directions.
    """

    ngrams: tuple[str, ...]
    idf: np.ndarray
    components: np.ndarray

    def directions(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_dimensions) float32; each row has length 1, or 0 where a text contains none of the n-grams."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectoriser = TfidfVectorizer(vocabulary=list(self.ngrams), **_OPTIONS)
        vectoriser.idf_ = self.idf
        found = np.asarray(vectoriser.transform(texts) @ self.components.T.astype(np.float64))
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.divide(found, norms, out=np.zeros_like(found), where=norms > 1e-9).astype(np.float32)


def learn_text_space(texts: Sequence[str], size: int, seed: int) -> TextSpace | None:
    """The space of some texts; None if they have too little in common.

    Args:
        texts: one for each row; may be empty.
        size: dimensions, at most.
        seed: of the truncated SVD.
    """
    from sklearn.decomposition import TruncatedSVD  # here, since it takes a second to import
    from sklearn.feature_extraction.text import TfidfVectorizer

    if sum(map(bool, texts)) < 2:
        return None
    vectoriser = TfidfVectorizer(min_df=2, max_df=0.5, max_features=MOST_NGRAMS, **_OPTIONS)
    try:
        matrix: Any = vectoriser.fit_transform(texts)
    except ValueError:  # no n-gram occurs in at least two and at most half of the texts
        return None
    size = min(size, *(n - 1 for n in matrix.shape))
    if size < 1:
        return None
    svd: Any = TruncatedSVD(size, random_state=seed).fit(matrix)
    ngrams = tuple(map(str, vectoriser.get_feature_names_out()))
    return TextSpace(ngrams, vectoriser.idf_, svd.components_.astype(np.float32))


_OPTIONS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": NGRAMS, "sublinear_tf": True}
