"""Histories -> training batches with almost no padding.

Histories are cut into windows, windows of nearly the same length share a batch, and a batch holds as many windows as
its token budget allows. Rows of a batch differ in length by one or two at most, so little is wasted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from engine.data.dataset import Histories


def windows(histories: Histories, max_len: int) -> Histories:
    """Rows of 2 to max_len + 1 items in which, taken together, every next item is a target once.

    A history longer than max_len + 1 is divided from its end, so that its most recent events form one full window;
    neighbouring windows overlap by one item, the target in one and input in the next.
    """
    row = rows_of_windows(histories, max_len)
    nth = np.arange(len(row)) - np.searchsorted(row, row)
    stop = histories.offsets[row + 1] - nth * max_len
    start = np.maximum(stop - max_len - 1, histories.offsets[row])
    return histories.ranges(start, stop, row)


def rows_of_windows(histories: Histories, max_len: int) -> np.ndarray:
    """(n_windows,) int64, ascending; the history of each window. A history of fewer than two items gives none."""
    pieces = -(-(histories.lengths - 1) // max_len)  # windows a history needs
    return np.repeat(np.arange(len(histories)), np.maximum(pieces, 0))


def batches(cut: Histories, batch_tokens: int, rng: np.random.Generator) -> Iterator[Histories]:
    """One pass over windows in random order, B windows of nearly one length at a time.

    Args:
        cut: what `windows` returned.
        batch_tokens: at most B times (W - 1), since a window's last item is only a target, unless a single window is
            longer.
        rng: decides which windows of a length share a batch, and the order of the batches.
    """
    lengths = cut.lengths - 1
    order = rng.permutation(len(cut))
    order = order[np.argsort(lengths[order], kind="stable")]
    bounds = _bounds(lengths[order], batch_tokens)
    for i in rng.permutation(len(bounds) - 1):
        yield cut.take(order[bounds[i] : bounds[i + 1]])


def count_batches(cut: Histories, batch_tokens: int) -> int:
    """The number of batches in one pass."""
    return len(_bounds(np.sort(cut.lengths - 1), batch_tokens)) - 1


def _bounds(lengths: np.ndarray, batch_tokens: int) -> list[int]:
    """Bounds of batches in an ascending list of lengths, such that rows times longest stays within the budget."""
    bounds = [0]
    while bounds[-1] < len(lengths):
        start = bounds[-1]
        # The batch's width is its last row's length: take rows while rows * width fits.
        reach = np.arange(1, min(len(lengths) - start, batch_tokens) + 1)
        fits = np.searchsorted(reach * lengths[start : start + len(reach)], batch_tokens, side="right")
        bounds.append(start + max(1, int(fits)))
    return bounds


def padding_share(cut: Histories, batch_tokens: int) -> float:
    """Share of padding among the places of a pass, between 0 and 1."""
    lengths = np.sort(cut.lengths - 1)
    bounds = _bounds(lengths, batch_tokens)
    places = sum((b - a) * int(lengths[b - 1]) for a, b in pairwise(bounds))
    return 1.0 - float(lengths.sum()) / places if places else 0.0
