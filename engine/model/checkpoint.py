"""Weights and checkpoints as safetensors files: plain numbers with plain text, nothing to unpickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.disk import whole
from engine.errors import RunError
from engine.model.training import Checkpoint, Epoch
from engine.model.transformer import Shape, Transformer, blank


def save_network(network: Transformer, path: Path) -> None:
    """Write a network's shape and weights."""
    _write(
        {k: v.contiguous() for k, v in network.state_dict().items()}, {"shape": json.dumps(asdict(network.shape))}, path
    )


def load_network(path: Path) -> Transformer:
    """The network that `save_network` wrote, ready to score.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors, words = _read(path)
    try:
        network = blank(Shape.of(json.loads(words["shape"])))
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} does not hold this version's network ({error}); train the run again.") from None
    return network.eval()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint beside its place and rename it in: a reader finds the old one or the new one, whole."""
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
    with whole(path) as beside:
        save_file(tensors, beside, metadata=words)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} cannot be read ({error}); train the run again.") from None
