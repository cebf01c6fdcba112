"""The meaning of a network's content columns, on disk: names of categories and numbers, and the text space."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine.disk import atomic_write
from engine.errors import RunError
from engine.model.content.sentence_bert import SentenceSpace
from engine.model.content.tables import Content, Contents
from engine.model.content.tfidf import TextSpace
from engine.model.network.content_vectors import ContentVectors
from engine.model.network.transformer import Transformer


def save_contents(contents: Contents, path: Path) -> None:
    """Write the names and text spaces; what each row holds is saved with the network."""
    words: dict[str, str] = {}
    arrays: dict[str, np.ndarray] = {}
    for kind, content in (("items", contents.items), ("users", contents.users)):
        if content is None:
            continue
        names: dict[str, str | tuple[str, ...]] = {
            "tokens": content.token_names,
            "columns": content.token_columns,
            "dense": content.dense_names,
        }
        if isinstance(content.text, TextSpace):
            names["ngrams"] = content.text.ngrams
            arrays[f"{kind}.idf"] = np.ascontiguousarray(content.text.idf)
        elif content.text is not None:
            names["text_model"] = content.text.model
            arrays[f"{kind}.mean"] = np.ascontiguousarray(content.text.mean)
        if content.text is not None:
            arrays[f"{kind}.components"] = np.ascontiguousarray(content.text.components)
        words[kind] = json.dumps(names, ensure_ascii=False)
    with atomic_write(path) as beside:  # without arrays, empty metadata would make a header that cannot be read
        save_file(arrays, beside, metadata=words or None)


def load_contents(
    path: Path, network: Transformer, item_columns: Sequence[str] = (), user_columns: Sequence[str] = ()
) -> Contents:
    """The contents that `save_contents` wrote, with the rows that the network holds.

    A network without content has none, whatever the file is: version 0.1 wrote an unreadable one in that case.

    Args:
        path: of the file.
        network: the one it was written for.
        item_columns, user_columns: of the tables, to distinguish "a=b" from "a" in files of version 0.1, which do not
            mark where a column name ends.

    Raises:
        RunError: the network uses content, and the file is missing or damaged.
    """
    if network.item_vectors.content is None and network.user_vectors is None:
        return Contents()
    try:
        with safe_open(path, framework="np") as file:
            words = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return Contents(
            _content("items", network.item_vectors.content, words, arrays, item_columns),
            _content("users", network.user_vectors, words, arrays, user_columns),
        )
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise RunError("{path} cannot be read ({error}); train the run again.", path=path, error=error) from None


def _content(
    kind: str,
    vectors: ContentVectors | None,
    words: dict[str, str],
    arrays: dict[str, np.ndarray],
    columns: Sequence[str],
) -> Content | None:
    if vectors is None:
        return None
    names = json.loads(words[kind])
    n_rows = len(vectors.tokens if vectors.tokens is not None else vectors.dense if vectors.dense is not None else ())
    text = None
    if "text_model" in names:
        text = SentenceSpace(names["text_model"], arrays[f"{kind}.mean"], arrays[f"{kind}.components"])
    elif "ngrams" in names:
        text = TextSpace(tuple(names["ngrams"]), arrays[f"{kind}.idf"], arrays[f"{kind}.components"])
    n_tokens = 0 if vectors.categories is None else vectors.categories.num_embeddings - 1
    n_dense = 0 if vectors.dense is None else vectors.dense.shape[1]
    if (len(names["tokens"]), len(names["dense"])) != (n_tokens, n_dense):
        raise ValueError(f"its names of {kind} are not those of the network")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("it holds what is no finite number")
    tokens = np.zeros((n_rows, 0), dtype=np.int64) if vectors.tokens is None else vectors.tokens.numpy()
    dense = np.zeros((n_rows, 0), dtype=np.float32) if vectors.dense is None else vectors.dense.numpy()
    of_column = names.get("columns") or [_column_of(name, columns) for name in names["tokens"]]
    return Content(tokens, tuple(names["tokens"]), tuple(of_column), dense, tuple(names["dense"]), text)


def _column_of(name: str, columns: Sequence[str]) -> str:
    """The column of a category: the longest that fits."""
    fitting = [column for column in columns if name.startswith(f"{column}=")]
    return max(fitting, key=len, default=name.partition("=")[0])
