"""The content of items or users, that is, what is known besides interactions: categories, text, numbers -> arrays.

Categories become tokens, one for each value of a column; text becomes directions in a text space
(`engine.model.content.tfidf`); numbers are standardised and clipped at five standard deviations. All items of the data
are used, trained on or not: content is known before anyone interacts with an item, so it leaks no target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.cleaning_report import shorten
from engine.data.schema import LIST_SEPARATOR, SCALED_SUFFIX, UNKNOWN, display_columns, is_text, language_twin
from engine.errors import EngineError
from engine.model.content.sentence_bert import SentenceSpace, learn_sentence_space
from engine.model.content.tfidf import TextSpace, learn_text_space

MOST_TOKENS = 32
"""Categories used of one row; the rest of a longer list is ignored."""

FEW_ITEMS = 3
"""A column has at least this many rows per category on average; otherwise it identifies rows rather than grouping
them."""

MOST_DEVIATIONS = 5.0


@dataclass(frozen=True)
class Content:
    """Content of every row of a table, numbered from 1; row 0 is empty: it stands for padding, or an unknown user.

    Attributes:
        tokens: (n_rows + 1, width) int64 category tokens, padded with 0, which stands for none.
        token_names: (n_tokens,) "column=value" of tokens 1, 2, ...
        token_columns: (n_tokens,) their columns, since a column name may itself contain an equals sign.
        dense: (n_rows + 1, n_dense) float32: text directions of length 1 or 0, then numbers.
        dense_names: (n_dense,) "text:3" or a column.
        text: the space of the text directions; None where there is no text.
    """

    tokens: np.ndarray
    token_names: tuple[str, ...]
    token_columns: tuple[str, ...]
    dense: np.ndarray
    dense_names: tuple[str, ...]
    text: TextSpace | SentenceSpace | None = None

    def values(self) -> dict[str, tuple[str, ...]]:
        """The columns of categories, with the known values of each."""
        found: dict[str, list[str]] = {}
        for name, column in zip(self.token_names, self.token_columns, strict=True):
            found.setdefault(column, []).append(name[len(column) + 1 :])
        return {column: tuple(known) for column, known in found.items()}


@dataclass(frozen=True)
class Contents:
    """The content of items and of users; None where there is none, or where it is not to be used."""

    items: Content | None = None
    users: Content | None = None


def table_content(
    table: pd.DataFrame,
    text_size: int,
    seed: int = 0,
    space: TextSpace | SentenceSpace | None = None,
    text_model: str | None = None,
) -> Content | None:
    """The content in a clean table of items or users; None where there is none.

    Args:
        table: one row for each item or user, in the vocabulary's order, as `engine.data.attributes` cleans it.
        text_size: dimensions that text is reduced to.
        seed: of the truncated SVD.
        space: a text space fitted elsewhere, used instead of one fitted on this table.
        text_model: the sentence BERT that encodes text, see `engine.model.content.sentence_bert`; None: TF-IDF.

    Raises:
        ConfigError: there is text, and the sentence BERT does not exist.
    """
    numbers, text, categories = _kinds(table)
    tokens, names, of_column = _tokens(table, categories)
    parts: list[np.ndarray] = []
    dense_names: list[str] = []
    texts = _joined(table, text) if text else []
    if text and space is None:
        space = (
            learn_text_space(texts, text_size, seed)
            if text_model is None
            else learn_sentence_space(texts, text_size, seed, text_model)
        )
    if text and space is not None:
        parts.append(space.directions(texts))
        dense_names += [f"text:{i + 1}" for i in range(len(space.components))]
    for column in numbers:
        scaled = table[column + SCALED_SUFFIX].to_numpy(dtype=np.float32)
        if scaled.any():
            parts.append(np.clip(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS)[:, None])
            dense_names.append(column)
    dense = np.concatenate(parts, axis=1) if parts else np.zeros((len(table), 0), dtype=np.float32)
    if not names and not dense_names:
        return None
    above = np.zeros((1, dense.shape[1]), dtype=np.float32)
    dense = np.concatenate([above, dense.astype(np.float32)])
    return Content(tokens, tuple(names), tuple(of_column), dense, tuple(dense_names), space if text else None)


def has_content(table: pd.DataFrame) -> bool:
    """Whether a clean table of items or users holds anything that `table_content` would use."""
    numbers, text, categories = _kinds(table)
    told = any(bool(table[column].fillna("").astype(str).str.strip().any()) for column in (*text, *categories))
    return told or any(bool(table[column + SCALED_SUFFIX].any()) for column in numbers)


def _kinds(table: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """The columns of numbers, those of text, and those of categories."""
    columns = display_columns(table)
    numbers = [c for c in columns if c + SCALED_SUFFIX in table.columns]
    text = [c for c in columns if c not in numbers and is_text(c, columns)]
    twins = [c for c in columns if language_twin(c, columns) is not None]  # repeat the same values
    return numbers, text, [c for c in columns if c not in numbers and c not in text and c not in twins]


def one_row(content: Content, table: pd.DataFrame, values: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """The network's input for a user or item that is not in a table.

    Args:
        content: of the table used in training.
        table: that table, whose scale is applied to numbers.
        values: column to value, as in the table; a list of categories is split as there.

    Returns:
        (width,) int64 tokens and (n_dense,) float32.

    Raises:
        EngineError: a column is not used, or a value does not occur in it or is not a number.
    """
    grouped = dict.fromkeys(content.token_columns)
    numbers = [name for name in content.dense_names if name + SCALED_SUFFIX in table.columns]
    texts = text_columns(table) if content.text else []
    known = [*grouped, *numbers, *texts]
    if unknown := [column for column in values if column not in known]:
        raise EngineError(
            "{column!r} is no column that this run reads; it reads {known}.",
            column=shorten(unknown[0]),
            known=_listed(known),
        )
    dense = np.zeros(content.dense.shape[1], dtype=np.float32)
    if content.text is not None and (text := " ".join(values[c] for c in texts if c in values)):
        dense[: len(content.text.components)] = content.text.directions([text])[0]
    for column in (c for c in numbers if c in values):
        dense[content.dense_names.index(column)] = _scaled(
            column, values[column], table[column].to_numpy(dtype=np.float64)
        )
    found = [_token(content, c, part.strip()) for c in grouped if c in values for part in _parts(values[c])]
    tokens = np.zeros(content.tokens.shape[1], dtype=np.int64)
    tokens[: len(found)] = found[: len(tokens)]
    return tokens, dense


def text_columns(table: pd.DataFrame) -> list[str]:
    """The columns that are used as text, if text is used at all."""
    columns = display_columns(table)
    return [c for c in columns if is_text(c, columns)]


def _parts(value: str) -> list[str]:
    return value.split(LIST_SEPARATOR)


def _listed(words: Sequence[str], most: int = 12) -> str:
    """The first of them, for a message."""
    return ", ".join(shorten(word) for word in words[:most]) + (" …" if len(words) > most else "")


def _token(content: Content, column: str, value: str) -> int:
    for token, (name, of_column) in enumerate(zip(content.token_names, content.token_columns, strict=True), start=1):
        if of_column == column and name == f"{column}={value}":
            return token
    raise EngineError(
        "{column} = {value!r} does not occur in the training data; known are {known}.",
        column=shorten(column),
        value=shorten(value),
        known=_listed(content.values()[column]),
    )


def _scaled(column: str, text: str, known: np.ndarray) -> float:
    """A number on the scale of the table's standardised numbers."""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise EngineError(
            "{column} = {value!r} is not a number, and {column} is a column of numbers.",
            column=shorten(column),
            value=shorten(text),
        )
    size = max(float(np.abs(known).max(initial=0)), abs(value))
    if size > 1e100:  # squares of huge numbers are infinite
        known, value = known / size, value / size
    deviation = float(known.std()) or 1.0
    return float(np.clip((value - float(known.mean())) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS))


def _tokens(table: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, list[str], list[str]]:
    """(n_rows + 1, width) tokens, their names and columns; values that only one row has are left out."""
    rows: list[np.ndarray] = []
    tokens: list[np.ndarray] = []
    names: list[str] = []
    of_column: list[str] = []
    for column in columns:
        values = table[column].astype(str).str.split(LIST_SEPARATOR).explode().str.strip()
        values = values[(values != UNKNOWN) & (values != "")]
        values = values[~values.index.duplicated() | ~pd.MultiIndex.from_arrays([values.index, values]).duplicated()]
        counts = values.value_counts()
        if len(values) == 0 or len(values) < FEW_ITEMS * len(counts):
            continue
        known = sorted(counts.index[counts > 1])
        number = pd.Series(np.arange(len(names) + 1, len(names) + 1 + len(known)), index=known)
        found = values[values.isin(known)]
        rows.append(found.index.to_numpy(dtype=np.int64))
        tokens.append(number.loc[found].to_numpy(dtype=np.int64))
        names += [f"{column}={value}" for value in known]
        of_column += [column] * len(known)
    out = np.zeros((len(table) + 1, 0), dtype=np.int64)
    if names:
        row, token = np.concatenate(rows), np.concatenate(tokens)
        order = np.argsort(row, kind="stable")
        row, token = row[order], token[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        kept = place < MOST_TOKENS
        out = np.zeros((len(table) + 1, int(place[kept].max()) + 1), dtype=np.int64)
        out[row[kept] + 1, place[kept]] = token[kept]
    return out, names, of_column


def _joined(table: pd.DataFrame, columns: list[str]) -> list[str]:
    """Every row's text, from all its text columns."""
    joined = pd.Series("", index=table.index)
    for column in columns:
        joined = joined + " " + table[column].where(table[column] != UNKNOWN, "").astype(str)
    return joined.str.strip().tolist()
