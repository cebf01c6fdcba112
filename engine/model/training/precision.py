"""Cheaper training steps: half precision where the device supports it, and compiled blocks."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from engine.config import TrainingConfig
from engine.model.network.noise import Noise
from engine.model.network.transformer import Transformer

BACKEND = "inductor"
"""torch's compiler backend."""


def arithmetic(settings: TrainingConfig, device: torch.device) -> AbstractContextManager[object]:
    """Within this, forward passes multiply in the precision of the settings.

    bfloat16 uses automatic casting (Micikevicius et al. 2018): weights, norms, softmax, loss and the optimiser stay
    float32, and since bfloat16 has the range of float32, no loss scaling is needed.
    """
    half = settings.precision == "bfloat16"
    if settings.precision == "auto" and device.type == "cuda":
        half = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


def compile_blocks(network: Transformer) -> type[Noise] | None:
    """Compile a network's blocks for sequences of any length; None, with a warning, if torch cannot.

    Returns:
        The noise to train them with, whose draws stay outside the compiled code; otherwise each would cause a
        recompilation.
    """
    try:
        torch.compile(lambda x: x.sin() + 1, backend=BACKEND)(torch.zeros(2))  # a missing compiler shows here
    except (RuntimeError, OSError, ImportError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"training.compile = true, but torch cannot compile here ({said}); training goes on without. "
            "It needs a C++ compiler, such as g++, on the path.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    for block in (*network.blocks, *(network.decoder.blocks if network.decoder else ())):
        block.compile(dynamic=True, backend=BACKEND)

    left_out: Any = torch.compiler.disable

    class Drawn(Noise):
        mask = left_out(Noise.mask)

    return Drawn
