"""Pre-training and fine-tuning: the settings of the first stage, and how weights from another training are taken over.

The first stage predicts masked items with full attention, whatever the architecture of the second, since the blocks are
the same; in addition every item is predicted from its content. Weights that do not belong to items (blocks, norms, the
map of text) are taken over as they are, those of items and categories by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.model.content.tables import Content, Contents
from engine.model.network.content_vectors import ContentVectors
from engine.model.network.transformer import Transformer


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        network: trained before, perhaps on another log.
        contents: its content of items and users; their text is in the space that is used now.
        items: (V + 1,) int64, for each current item its index there; 0 if it was not there.
        seconds: time already spent on them within this training, where its clock starts.
    """

    network: Transformer
    contents: Contents
    items: np.ndarray
    seconds: float = 0.0


def first_stage(config: RunConfig) -> RunConfig:
    """The settings of pre-training, from resolved settings that include it."""
    n = config.training.pretrain_epochs or 0
    return config.replace(
        {
            "model": {"architecture": "masked"},
            "training": {
                "pretrain_epochs": 0,
                "max_epochs": n,
                "patience": n,
                "max_seconds": None,
                "content_loss": config.training.content_loss or 1.0,
            },
        }
    )


@torch.no_grad()
def begin_from(network: Transformer, start: Start, contents: Contents) -> None:
    """Take over all weights that the two networks share; the others keep their initial values.

    Args:
        network: initialised, with its content loaded.
        start: a network of the same width.
        contents: of `network`.
    """
    mine, theirs = dict(network.named_parameters()), dict(start.network.named_parameters())
    same_places = network.config.architecture == start.network.config.architecture
    for name, weights in mine.items():
        held = theirs.get(name)
        if held is None or name.startswith(("item_vectors.", "user_vectors.", "bias")):
            continue
        if (
            name == "position_vectors.weight"
        ):  # positions count from the newest event in one architecture, not in another
            n = min(len(weights), len(held)) if same_places else 0
            weights[:n] = held[:n]
        elif weights.shape == held.shape:
            weights.copy_(held)
    index = torch.from_numpy(start.items)
    _take_rows(network.item_vectors.own.weight, start.network.item_vectors.own.weight, index)
    if network.bias is not None and start.network.bias is not None:
        _take_rows(network.bias, start.network.bias, index)
    pairs = (
        (network.item_vectors.content, start.network.item_vectors.content, contents.items, start.contents.items),
        (network.user_vectors, start.network.user_vectors, contents.users, start.contents.users),
    )
    for vectors, held_vectors, now, then in pairs:
        if vectors is not None and held_vectors is not None and now is not None and then is not None:
            _take_content(vectors, held_vectors, now, then)


def _take_content(vectors: ContentVectors, held: ContentVectors, now: Content, then: Content) -> None:
    """Take over vectors of categories by name, and columns of the linear map by name."""
    if vectors.categories is not None and held.categories is not None:
        tokens = torch.tensor([0, *_places(now.token_names, then.token_names)])
        _take_rows(vectors.categories.weight, held.categories.weight, tokens)
    if vectors.dense_map is not None and held.dense_map is not None:
        columns = torch.tensor(_places(now.dense_names, then.dense_names))  # from 1, 0 is none
        known = columns > 0
        vectors.dense_map.weight[:, known] = held.dense_map.weight[:, columns[known] - 1]


def _places(names: tuple[str, ...], among: tuple[str, ...]) -> list[int]:
    """Each name's place in the other list, from 1; 0 if it is not in it."""
    at = {name: i for i, name in enumerate(among, start=1)}
    return [at.get(name, 0) for name in names]


def _take_rows(weights: Tensor, held: Tensor, index: Tensor) -> None:
    """Row i becomes the held row `index[i]`, where that is above 0."""
    known = index > 0
    weights[known] = held[index[known]]
