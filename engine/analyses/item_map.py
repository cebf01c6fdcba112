"""Items on a plane: their vectors in the model, by principal components or by t-SNE of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.errors import EngineError
from engine.runs.kept import Kept
from engine.runs.store import Run

Method = Literal["pca", "tsne"]

ITEM_MAP = "item_map.json"
"""File in the run folder with the t-SNE of `item_map`. It can be deleted at any time."""

SAMPLE = 2_000
"""At most so many items are laid out, drawn at random; others are placed among them on request."""

PERPLEXITY = 30.0

NEAREST = 3
"""Number of laid-out neighbours by which another item is placed on a t-SNE."""

_VERSION = 1


@dataclass(frozen=True)
class ItemMap:
    """Items on a plane.

    Attributes:
        method: "pca" or "tsne".
        items: (n,) int64 item indices.
        places: (n, 2) float64, roughly from -1 to 1 on each axis.
        sampled: (n,) bool; False for an item that was placed afterwards on request.
        n_items: how many could have been laid out: those that can be recommended.
        kept: share of the variance in the plane; None for t-SNE, whose large distances are not meaningful.
    """

    method: Method
    items: np.ndarray
    places: np.ndarray
    sampled: np.ndarray
    n_items: int
    kept: float | None


def item_map(run: Run, method: Method = "pca", always: tuple[str, ...] = ()) -> ItemMap:
    """A map of items by their vectors, scaled to length 1.

    From a catalogue of more than `SAMPLE` items a sample is drawn, the same in every call. The items of `always` are
    added: exactly by PCA; on a t-SNE, which cannot place new items, at the mean of their nearest laid-out items
    weighted by cosine. The t-SNE is kept in the run folder, if that is writable.

    Args:
        run: the run.
        method: "pca" or "tsne".
        always: ids of items that are on the map whether or not they are drawn.

    Raises:
        UnknownIdError: one of those is not in the data.
        EngineError: fewer than three items can be recommended.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE" (JMLR 2008).

    >>> found = engine.item_map(run)
    >>> found.method, found.places.shape
    ('pca', (60, 2))
    """
    vectors = run.recommender.output_vectors()
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(sizes, 1e-12)
    there = np.flatnonzero(run.recommender.candidates & (sizes[:, 0] > 0))
    if len(there) < 3:
        raise EngineError(
            "Run {run_name!r} can recommend {n_there} items; a map needs three.", run_name=run.name, n_there=len(there)
        )
    drawn = there
    if len(there) > SAMPLE:
        drawn = np.sort(np.random.default_rng(run.config.evaluation.seed).choice(there, SAMPLE, replace=False))
    wanted = np.array([run.dataset.items.index_of(item) for item in dict.fromkeys(always)], dtype=np.int64)
    others = wanted[~np.isin(wanted, drawn) & np.isin(wanted, there)]
    laid, extra, kept = _pca(unit, drawn, others) if method == "pca" else _tsne(run, unit, drawn, others)
    return ItemMap(
        method,
        np.concatenate([drawn, others]),
        np.concatenate([laid, extra]),
        np.arange(len(drawn) + len(others)) < len(drawn),
        len(there),
        kept,
    )


def has_tsne(run: Run) -> bool:
    """Whether the run folder keeps a t-SNE, so that it is available immediately.

    >>> engine.has_tsne(run)
    False
    >>> engine.item_map(run, "tsne").method, engine.has_tsne(run)
    ('tsne', True)
    """
    return _KEPT.load(run, **_depends_on(run)) is not None


def _pca(unit: np.ndarray, drawn: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Places of the sample and of others, and the share of the sample's variance in the plane."""
    middle = unit[drawn].mean(axis=0)
    _left, spread, axes = np.linalg.svd(unit[drawn] - middle, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2, [0]] + 1e-30)  # a sign that does not depend on the library
    laid = (unit[drawn] - middle) @ axes.T
    reach = max(float(np.abs(laid).max()), 1e-12)
    total = max(float((spread**2).sum()), 1e-12)
    return laid / reach, (unit[others] - middle) @ axes.T / reach, float((spread[:2] ** 2).sum()) / total


def _tsne(run: Run, unit: np.ndarray, drawn: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, None]:
    """Places of the sample and of others."""
    laid = _KEPT.load(run, **_depends_on(run))
    if laid is None or len(laid) != len(drawn):
        laid = _KEPT.save(run, _lay_out(unit[drawn], run.config.evaluation.seed), **_depends_on(run))
    near = unit[others] @ unit[drawn].T
    best = np.argsort(-near, axis=1)[:, :NEAREST]
    weights = np.maximum(np.take_along_axis(near, best, axis=1), 1e-6)
    extra = (laid[best] * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    return laid, extra, None


def _lay_out(unit: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    found = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=600).fit_transform(unit)
    found = found.astype(np.float64) - found.mean(axis=0)
    return found / max(float(np.abs(found).max()), 1e-12)


def _depends_on(run: Run) -> dict[str, Any]:
    return {"sample": SAMPLE, "seed": run.config.evaluation.seed}


def _places(kept: Mapping[str, Any]) -> np.ndarray:
    """(n_drawn, 2) places on the plane.

    Raises:
        ValueError: they are invalid.
    """
    places = np.array(kept["places"], dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise ValueError("these are no places on a plane")
    return places


_KEPT: Kept[np.ndarray] = Kept(ITEM_MAP, _VERSION, lambda laid: {"places": laid.round(5).tolist()}, _places)
