"""An ensemble on disk: its weights and set-models as plain numbers in a safetensors file, nothing to unpickle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine.disk import atomic_write
from engine.ensemble.ensemble import Ensemble, EnsembleWeights
from engine.errors import RunError
from engine.model.item_similarity import ItemWeights, SetModel, packed
from engine.recommender import Explainable


def save_ensemble(ensemble: Ensemble, path: Path) -> None:
    """Write the weights and the set-models atomically. The Transformer has its own file."""
    weights = ensemble.weights
    arrays = {
        "longest": weights.longest.astype(np.int64),
        "weights": weights.weights.astype(np.float64),
        "spreads": weights.spreads.astype(np.float64),
        "n_users": weights.n_users.astype(np.int64),
        **{f"by_length/{name}": values.astype(np.float64) for name, values in weights.by_length.items()},
    }
    for part in ensemble.parts:
        arrays[f"{part.name}/data"] = part.matrix.data
        arrays[f"{part.name}/columns"] = part.matrix.indices.astype(_narrow(part.n_items))
        arrays[f"{part.name}/starts"] = part.matrix.indptr
    about = {
        "members": list(weights.members),
        "validation": dict(weights.validation),
        "pays": weights.beats_transformer,
    }
    whole_arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    with atomic_write(path) as beside:
        save_file(whole_arrays, beside, metadata={"blend": json.dumps(about)})


def load_ensemble(path: Path, transformer: Explainable) -> Ensemble:
    """The ensemble that `save_ensemble` wrote, with the Transformer of the same run.

    Raises:
        RunError: the file is missing or damaged, or belongs to other items.
    """
    try:
        with safe_open(path, framework="np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            about = json.loads((file.metadata() or {})["blend"])
        members = tuple(about["members"])
        parts = tuple(_part(name, arrays) for name in members[1:])
        weights = EnsembleWeights(
            members,
            arrays["longest"],
            arrays["weights"],
            arrays["spreads"],
            about["validation"],
            {name: arrays[f"by_length/{name}"] for name in (*members, "ensemble")},
            arrays["n_users"],
            bool(about["pays"]),
        )
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunError("{path} cannot be read ({error}); train the run again.", path=path, error=error) from None
    n_items = len(transformer.candidates) - 1
    if any(part.n_items != n_items for part in parts) or weights.weights.shape != (
        len(weights.longest) + 1,
        len(members),
    ):
        raise RunError(
            "{path} does not belong to a run of {n_items:,} items; train the run again.", path=path, n_items=n_items
        )
    return Ensemble(transformer, parts, weights)


def _part(name: SetModel, arrays: dict[str, np.ndarray]) -> ItemWeights:
    data, columns, starts = (arrays[f"{name}/{key}"] for key in ("data", "columns", "starts"))
    whole_numbers = columns.dtype.kind in "iu" and starts.dtype.kind in "iu"
    if not whole_numbers or len(starts) < 2 or not len(data) == len(columns) == starts[-1] or starts[0] != 0:
        raise ValueError(f"{name} is no matrix")
    if (np.diff(starts.astype(np.int64)) < 0).any() or (len(columns) and int(columns.max()) >= len(starts) - 1):
        raise ValueError(f"{name} is no matrix")
    if (len(columns) and int(columns.min()) < 0) or not np.isfinite(data).all():
        raise ValueError(f"{name} holds what is no finite number")
    return ItemWeights(name, packed(data, columns, starts))


def _narrow(n_items: int) -> type:
    """The smallest integer type for an item index: half the space for most catalogues."""
    return np.uint16 if n_items <= np.iinfo(np.uint16).max else np.int32
