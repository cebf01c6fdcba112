"""What a network's content columns mean, on disk: the names of its categories and numbers, and its text space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine.errors import RunError
from engine.model.content_vectors import ContentVectors
from engine.model.features import Content, Contents
from engine.model.sentences import SentenceSpace
from engine.model.text import TextSpace
from engine.model.transformer import Transformer


def save_contents(contents: Contents, path: Path) -> None:
    """Write the names and text spaces; what each row holds is saved with the network."""
    words: dict[str, str] = {}
    arrays: dict[str, np.ndarray] = {}
    for kind, content in (("items", contents.items), ("users", contents.users)):
        if content is None:
            continue
        names: dict[str, str | tuple[str, ...]] = {"tokens": content.token_names, "dense": content.dense_names}
        if isinstance(content.text, TextSpace):
            names["ngrams"] = content.text.ngrams
            arrays[f"{kind}.idf"] = np.ascontiguousarray(content.text.idf)
        elif content.text is not None:
            names["text_model"] = content.text.model
            arrays[f"{kind}.mean"] = np.ascontiguousarray(content.text.mean)
        if content.text is not None:
            arrays[f"{kind}.components"] = np.ascontiguousarray(content.text.components)
        words[kind] = json.dumps(names, ensure_ascii=False)
    save_file(arrays, path, metadata=words)


def load_contents(path: Path, network: Transformer) -> Contents:
    """The contents that `save_contents` wrote, with what the network's rows hold of them.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="np") as file:
            words = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        item_vectors = network.item_vectors.content
        return Contents(
            _content("items", item_vectors, words, arrays), _content("users", network.user_vectors, words, arrays)
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({error}); train the run again.") from None


def _content(
    kind: str, vectors: ContentVectors | None, words: dict[str, str], arrays: dict[str, np.ndarray]
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
    tokens = np.zeros((n_rows, 0), dtype=np.int64) if vectors.tokens is None else vectors.tokens.numpy()
    dense = np.zeros((n_rows, 0), dtype=np.float32) if vectors.dense is None else vectors.dense.numpy()
    return Content(tokens, tuple(names["tokens"]), dense, tuple(names["dense"]), text)
