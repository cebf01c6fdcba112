"""Weights and checkpoints as safetensors files: plain numbers and text, nothing to unpickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.disk import atomic_write
from engine.errors import RunError
from engine.model.network.transformer import NetworkConfig, Transformer, blank
from engine.model.training.loop import Checkpoint, Epoch


def save_network(network: Transformer, path: Path) -> None:
    """Write a network's configuration and weights."""
    _write(
        {k: v.contiguous() for k, v in network.state_dict().items()},
        {"shape": json.dumps(asdict(network.config))},
        path,
    )


def load_network(path: Path) -> Transformer:
    """The network that `save_network` wrote, ready for scoring.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors, words = _read(path)
    try:
        shape = NetworkConfig.of(json.loads(words["shape"]))
        _check_sizes(shape, tensors)
        network = blank(shape)
        network.load_state_dict(tensors)
        _check_values(network)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError) as error:
        raise RunError(
            "{path} does not hold this version's network ({reason}); train the run again.",
            path=path,
            reason="it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:300],
        ) from None
    return network.eval()


def _check_sizes(shape: NetworkConfig, tensors: dict[str, torch.Tensor]) -> None:
    """Return if a network of this shape could have these weights; called before memory is allocated for it.

    Raises:
        ValueError: it is far larger.
    """
    there = sum(tensor.numel() for tensor in tensors.values())
    sizes = {key: value for key, value in asdict(shape).items() if type(value) is int}
    wanted = max(shape.n_items, shape.max_len, shape.d_ff, shape.n_users, 1) * shape.d_model
    if min(sizes.values()) < 0 or wanted > max(there, shape.d_model) * 4 or shape.n_layers > len(tensors):
        raise ValueError("its shape is not that of its weights")


def _check_values(network: Transformer) -> None:
    """Return if every weight is a number, and every row of content refers to existing categories.

    Raises:
        ValueError: not so.
    """
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} holds what is no finite number")
    for vectors in (network.item_vectors.content, network.user_vectors):
        if vectors is not None and vectors.tokens is not None and vectors.categories is not None:
            tokens, n = vectors.tokens, vectors.categories.num_embeddings
            if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < n):
                raise ValueError("its rows name categories that are not there")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically: a reader finds the complete old one or the complete new one."""
    tensors = {f"network/{k}": v for k, v in checkpoint.network.items()}
    tensors |= {f"best/{k}": v for k, v in checkpoint.best.items()}
    tensors |= {f"averaged/{k}": v for k, v in checkpoint.averaged.items()}
    tensors |= {f"optimiser/{k}": v for k, v in checkpoint.optimiser.items()}
    _write(tensors, {"log": json.dumps([asdict(e) for e in checkpoint.log])}, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that `save_checkpoint` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors, words = _read(path)

    def part(name: str) -> dict[str, torch.Tensor]:
        return {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}

    try:
        log = tuple(Epoch(**e) for e in json.loads(words["log"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            "{path} is no checkpoint of this version ({reason}); delete it, and the training begins again.",
            path=path,
            reason=str(error),
        ) from None
    return Checkpoint(part("network/"), part("best/"), part("averaged/"), part("optimiser/"), log)


def _write(tensors: dict[str, torch.Tensor], words: dict[str, str], path: Path) -> None:
    with atomic_write(path) as beside:
        save_file(tensors, beside, metadata=words)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no plain file")
        with safe_open(path, framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError, RuntimeError, ValueError, LookupError, TypeError) as error:
        raise RunError("{path} cannot be read ({reason}); train the run again.", path=path, reason=str(error)) from None
