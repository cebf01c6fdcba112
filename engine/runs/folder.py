"""The files of a run folder: written atomically, read without unpickling.

`engine.runs.place` knows where the folder is, and how it gets there.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.disk import write_json
from engine.errors import EngineError, RunError
from engine.evaluation.report import Evaluation

FORMAT_VERSION = 2
MOST_JSON = 2**28
"""Most bytes of a JSON file of a run."""
FEW_ROWS, ROWS_A_BYTE = 20_000_000, 100
"""Rows of a table that are always accepted, and rows accepted per byte of a larger one."""
DAMAGE = (
    EngineError, LookupError, TypeError, ValueError, OSError, AttributeError, ArithmeticError, RuntimeError,
    AssertionError, MemoryError, pa.ArrowException,
)  # fmt: skip
"""Exceptions of reading files that may have been changed by others."""
RUN_NAME = re.compile(r"\w[\w.-]{0,79}")
CONFIG, METRICS, PER_USER = "config.json", "metrics.json", "per_user.parquet"
MODEL, CONTENTS = "model.safetensors", "contents.safetensors"
LISTS, OWN_LISTS = "lists.parquet", "recommendations.parquet"
"""Every model's lists by index; and those of the answering model by id, with scores, for other programs."""
ENSEMBLE = "ensemble.safetensors"
"""Only if a run has an ensemble."""
VOCABULARY, CLEANING, PROGRESS, STUDY = "vocabulary.parquet", "cleaning.json", "progress.jsonl", "study.sqlite"
CHECKPOINT = "checkpoint.safetensors"
CHECKPOINTS = (CHECKPOINT, "checkpoint.pretraining.safetensors")
"""What training resumes from; a finished run has none."""

PROOF = (CONFIG, METRICS, MODEL, VOCABULARY)
"""Without these a folder is not a run."""
KEPT = (
    "cohorts.json", ".cohorts.lock", "diagnosis.json", "confidence.json", "attention_heads.json", "item_map.json",
    "growth.json", "faithfulness.json", "explained.json",
)  # fmt: skip
"""What users saved with a run, and stored results."""
OWN_FILES = frozenset(
    (*PROOF, PER_USER, CONTENTS, LISTS, OWN_LISTS, ENSEMBLE, CLEANING, PROGRESS, STUDY, *CHECKPOINTS, *KEPT)
)
"""Everything that may be in the folder of a run or a training: one with other files is never replaced or deleted."""
OWN_FOLDERS = {"dataset": ("interactions.parquet", "users.parquet", "items.parquet")}
"""Folders in it, and their files."""


def check_name(name: str) -> str:
    """The name, if it is valid for a run folder.

    Raises:
        RunError: it is not.
    """
    if not RUN_NAME.fullmatch(name):
        raise RunError(
            "A run cannot be called {name!r}: a name starts with a letter or digit, holds letters, digits, '.', '_' "
            "and '-' only, and has at most 80 of them.",
            name=name,
        )
    return name


def read_about(folder: Path) -> dict[str, Any]:
    """The contents of a folder's config.json.

    Raises:
        RunError: it is missing, damaged or of another version.
    """
    about = read_json(folder / CONFIG)
    if about.get("format_version") != FORMAT_VERSION:
        raise RunError(
            "{folder} has run format {version!r}, and this version reads {ours}; train the run again, or read it with "
            "the version that made it.",
            folder=folder,
            version=about.get("format_version"),
            ours=FORMAT_VERSION,
        )
    return about


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write config.json atomically."""
    write_json(folder / CONFIG, {"format_version": FORMAT_VERSION, **about})


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that a file of a run holds.

    Raises:
        RunError: it cannot be read, or is too large or too deeply nested to be ours.
    """
    try:
        require_file(path, MOST_JSON)
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            "{path} cannot be read ({reason}); train the run again.", path=path, reason=_short(error)
        ) from None
    if not isinstance(value, dict):
        raise RunError("{path} holds no JSON object; train the run again.", path=path)
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:300]


def require_file(path: Path, most: int | None = None) -> None:
    """Return if a path is a plain file within its folder, of an acceptable size.

    Raises:
        OSError: it does not exist.
        ValueError: it is a pipe, a device, a folder, a link out of its folder, or too large.
    """
    held = path.stat()
    if not stat.S_ISREG(held.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    if path.is_symlink() and path.parent.resolve() not in path.resolve().parents:
        raise ValueError(f"{path.name} is a link out of its folder")
    if most is not None and held.st_size > most:
        raise ValueError(f"{path.name} has {held.st_size:,} bytes, and {most:,} at most are read")


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet table of a run.

    Raises:
        OSError: it does not exist.
        ValueError: it is not a plain file, or claims far more rows than its bytes can hold.
    """
    require_file(path)
    rows = pq.read_metadata(path).num_rows
    if rows > FEW_ROWS and rows > path.stat().st_size * ROWS_A_BYTE:
        raise ValueError(f"{path.name} claims {rows:,} rows, far more than it can hold")
    return pd.read_parquet(path)


def save_data(folder: Path, dataset: Dataset, cleaning: CleaningReport) -> None:
    """Write the cleaned log, its vocabulary and the cleaning report."""
    (folder / "dataset").mkdir(exist_ok=True)
    users = np.repeat(np.arange(dataset.n_users, dtype=np.int32), dataset.histories.lengths)
    columns: dict[str, np.ndarray] = {"user_idx": users, "item_idx": dataset.histories.items}
    if dataset.timestamps is not None:
        columns["timestamp"] = dataset.timestamps
    if dataset.ratings is not None:
        columns["rating"] = dataset.ratings
    pd.DataFrame(columns).to_parquet(folder / "dataset" / "interactions.parquet")
    dataset.user_table.to_parquet(folder / "dataset" / "users.parquet")
    dataset.item_table.to_parquet(folder / "dataset" / "items.parquet")
    vocabulary = pd.concat([_vocabulary_table(dataset.users), _vocabulary_table(dataset.items)], ignore_index=True)
    vocabulary.to_parquet(folder / VOCABULARY)
    write_json(folder / CLEANING, {"name": dataset.name, **cleaning.to_dict()})


def _vocabulary_table(vocabulary: Vocabulary) -> pd.DataFrame:
    numbers = np.arange(vocabulary.first, vocabulary.first + len(vocabulary), dtype=np.int32)
    return pd.DataFrame({"kind": vocabulary.kind, "index": numbers, "id": vocabulary.ids.astype(str)})


def load_data(folder: Path) -> tuple[Dataset, CleaningReport]:
    """The dataset and the report that `save_data` wrote.

    Raises:
        RunError: a file is missing or damaged.
    """
    try:
        log = read_table(folder / "dataset" / "interactions.parquet")
        vocabulary = read_table(folder / VOCABULARY)
        users, items = _vocabulary(vocabulary, "user", 0), _vocabulary(vocabulary, "item", 1)
        owners = _within(log, "user_idx", 0, len(users))
        if (np.diff(owners) < 0).any():
            raise ValueError("user_idx does not rise")
        offsets = np.zeros(len(users) + 1, dtype=np.int64)
        np.cumsum(np.bincount(owners, minlength=len(users)), out=offsets[1:])
        report = read_json(folder / CLEANING)
        tables = {kind: read_table(folder / "dataset" / f"{kind}s.parquet") for kind in ("user", "item")}
        for kind, terms in (("user", users), ("item", items)):
            if len(tables[kind]) != len(terms):
                raise ValueError(f"{len(tables[kind]):,} rows for {len(terms):,} {kind}s")
        dataset = Dataset(
            name=_text(report.pop("name")),
            users=users,
            items=items,
            histories=Histories(
                offsets, _within(log, "item_idx", 1, len(items) + 1).astype(np.int32), np.arange(len(users))
            ),
            timestamps=_within(log, "timestamp", *_TIMES).astype(np.int64) if "timestamp" in log else None,
            ratings=log["rating"].to_numpy(np.float32) if "rating" in log else None,
            user_table=tables["user"],
            item_table=tables["item"],
        )
        return dataset, CleaningReport.from_dict(report)
    except DAMAGE as error:
        if isinstance(error, RunError):
            raise
        raise RunError(
            "The data in {folder} cannot be read ({reason}); train the run again.", folder=folder, reason=_short(error)
        ) from error


_TIMES = (-62_135_596_800, 253_402_300_800)  # the years 1 to 9999, all that a date can hold


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.50} is no text")
    return value


def _within(table: pd.DataFrame, column: str, low: int, high: int) -> np.ndarray:
    """A column of integers from `low` to below `high`."""
    values = table[column].to_numpy()
    if values.dtype.kind not in "iu" or (len(values) and not (low <= values.min() and values.max() < high)):
        raise ValueError(f"{column} is not within {low:,} to {high - 1:,}")
    return values


def _vocabulary(table: pd.DataFrame, kind: str, first: int) -> Vocabulary:
    own = table.loc[table["kind"] == kind].sort_values("index")
    ids = own["id"].to_numpy(dtype=object)
    if not np.array_equal(own["index"].to_numpy(), np.arange(first, first + len(own))):
        raise ValueError(f"the {kind}s are not numbered from {first} on")
    if not all(isinstance(one, str) for one in ids) or len(set(ids)) < len(ids):
        raise ValueError(f"the ids of {kind}s are not texts, each once")
    return Vocabulary(ids, first, kind)


def save_results(
    folder: Path,
    dataset: Dataset,
    evaluation: Evaluation,
    metrics: dict[str, Any],
    lists: tuple[np.ndarray, np.ndarray],
) -> None:
    """Write what was measured: metrics.json, per_user.parquet, lists.parquet, recommendations.parquet.

    Args:
        folder: the working folder.
        dataset: for ids.
        evaluation: the figures.
        metrics: the JSON document that `train --json` prints.
        lists: (U, k) item indices and scores by which the run recommends, for the users of the test part, in its order.
    """
    evaluation.per_user.to_parquet(folder / PER_USER)
    _lists_table(evaluation).to_parquet(folder / LISTS)
    items, scores = lists
    own = evaluation.per_user.loc[evaluation.per_user["model"] == "transformer", "user_idx"].to_numpy()
    shown = items > 0
    table = pd.DataFrame(
        {
            "user_id": np.repeat(dataset.users.ids_of(own), shown.sum(axis=1)),
            "item_id": dataset.items.ids_of(items[shown]),
            "rank": np.broadcast_to(np.arange(1, items.shape[1] + 1, dtype=np.int32), items.shape)[shown],
            "score": scores[shown],
        }
    )
    table.to_parquet(folder / OWN_LISTS)
    write_json(folder / METRICS, metrics)


def _lists_table(evaluation: Evaluation) -> pd.DataFrame:
    """`Evaluation.lists` as rows of `model`, `user_idx`, `rank` (1 is best) and `item_idx`; empty places left out."""
    parts: list[pd.DataFrame] = []
    names = list(evaluation.lists)
    for name, top in evaluation.lists.items():
        per_user = evaluation.per_user
        users = per_user.loc[per_user["model"] == name, "user_idx"].to_numpy(np.int32)
        rows, places = np.nonzero(top)
        model = pd.Categorical.from_codes(np.full(len(rows), names.index(name)), names)
        ranks = (places + 1).astype(np.int32)
        parts.append(
            pd.DataFrame({"model": model, "user_idx": users[rows], "rank": ranks, "item_idx": top[rows, places]})
        )
    return pd.concat(parts, ignore_index=True)


def load_lists(folder: Path, dataset: Dataset, users: np.ndarray, width: int, answers: str) -> dict[str, np.ndarray]:
    """`Evaluation.lists` of a run; for older runs, only those of the answering model.

    Args:
        folder: of the run.
        dataset: its data.
        users: (n,) user indices of the test part, in its order.
        width: the longest list.
        answers: the model that `recommendations.parquet` is of.

    Raises:
        ValueError: a row is not of a tested user, an item and a place in a list.
        OSError: a file is missing or damaged.
    """
    if (folder / LISTS).is_file():
        table = read_table(folder / LISTS)
        parts = {str(name): table.loc[table["model"] == name] for name in table["model"].unique()}
        return {name: _list_array(part, dataset.n_items, users, width) for name, part in parts.items()}
    own = read_table(folder / OWN_LISTS)
    numbers = {
        "user_idx": dataset.users.indices_of(own["user_id"]),
        "item_idx": dataset.items.indices_of(own["item_id"]),
    }
    return {answers: _list_array(own.assign(**numbers), dataset.n_items, users, width)}


def _list_array(table: pd.DataFrame, n_items: int, users: np.ndarray, width: int) -> np.ndarray:
    """(n, width) int32 item indices from rows of `user_idx`, `rank` and `item_idx`."""
    if any(table[column].to_numpy().dtype.kind not in "iu" for column in ("user_idx", "rank", "item_idx")):
        raise ValueError("lists are not whole numbers")
    row_of = np.full(int(users.max(initial=0)) + 1, -1)
    row_of[users] = np.arange(len(users))
    owners, ranks, items = (table[column].to_numpy() for column in ("user_idx", "rank", "item_idx"))
    known = (owners >= 0) & (owners < len(row_of)) & (items >= 1) & (items <= n_items) & (ranks >= 1)
    if not known.all() or (row_of[owners] < 0).any():
        raise ValueError("a list is of no tested user, or holds no item of the data")
    shown = ranks <= width
    top = np.zeros((len(users), width), dtype=np.int32)
    top[row_of[owners[shown]], ranks[shown] - 1] = items[shown]
    return top


def fingerprint(dataset: Dataset, times: bool = False) -> str:
    """A hash of the log's ids and histories, and of its times if they matter; equal for equal data."""
    digest = hashlib.sha256()
    for vocabulary in (dataset.users, dataset.items):
        digest.update("\x00".join(map(str, vocabulary.ids)).encode())
    digest.update(dataset.histories.offsets.tobytes())
    digest.update(dataset.histories.items.tobytes())
    if times and dataset.timestamps is not None:
        digest.update(dataset.timestamps.tobytes())
    return digest.hexdigest()


def contents_fingerprint(dataset: Dataset, weights: Iterable[Path] = ()) -> str:
    """A hash of everything that was read: the log with times and ratings, and the tables of items and users.

    Args:
        dataset: what was read.
        weights: files of other models' weights that are read besides.

    `fingerprint` says whether two runs can be compared, for which these tables do not matter; this one says whether
    interrupted work belongs to the current data.
    """
    digest = hashlib.sha256(fingerprint(dataset, times=True).encode())
    if dataset.ratings is not None:
        digest.update(dataset.ratings.tobytes())
    for table in (dataset.user_table, dataset.item_table):
        digest.update(table.to_csv(index=False).encode("utf-8", "surrogatepass"))
    for path in weights:
        digest.update(bytes.fromhex(file_digest(path)))
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_at(path: Path) -> dict[str, list[int]]:
    """Size and modification time of each file that a log may be read from, by name; pipes are ignored."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else []
    stats = {str(file): file.stat() for file in files[:10_000]}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def digest(work: dict[str, Any]) -> str:
    """A short hash of plain values, to name a hidden folder by its work."""
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:12]


def as_rows(log: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The training log of epochs as plain rows."""
    return [asdict(epoch) for epoch in log]
