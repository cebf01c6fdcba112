"""How near a training step is to what the machine can do: arithmetic counted against a product of large matrices.

python benchmarks/limits.py [--threads 2] [--items 12000 1000000]

For every catalogue size: the floating point operations of a step (`step_operations`) at the speed of a large float32
matrix product measured in the same process, the bytes that the dense optimiser moves (`optimiser_bytes`) at the
measured speed of copying, and the time that a step takes. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.measuring import in_own_process, seconds_of

SIDE = 2048
COPIED = 64 << 20
"""Floats copied to measure bandwidth: 256 MB, far more than caches hold."""

PASSES = 14
"""How often a dense step goes over each weight's four bytes: the gradient is cleared (1), measured and scaled for
clipping (1 + 2); AdamW reads weight, gradient and two moments and writes three of them (7); the running average reads
itself and the weight and writes itself (3)."""


def step_operations(tokens: int, length: float, width: int, inner: int, layers: int, items: int) -> float:
    """Floating point operations of one training step; a multiplication and an addition count as two.

    With N tokens in rows of length L, width D, inner width F, n layers and M items that every token is scored against:

        forward  = n (2 N D 3D + 2 N D D + 2 (2 N L D) + 2 (2 N D F)) + 2 N M D + 2 N D
                      q, k, v    out       scores, mix    feed-forward   logits    own logit
        step     = 3 forward

    since going back takes two products for each one on the way: one for the inputs' gradient, one for the weights'.
    Norms, softmax, dropout and the optimiser are left out: they are bound by memory.
    """
    n, d = tokens, width
    block = 8 * n * d * d + 4 * n * length * d + 4 * n * d * inner
    return 3 * (layers * block + 2 * n * items * d + 2 * n * d)


def optimiser_bytes(parameters: int) -> int:
    """Bytes that clearing, clipping, AdamW and the running average move in a step over all weights: see PASSES."""
    return 4 * PASSES * parameters


def measured(n_items: int) -> dict[str, float]:
    """Counted and timed figures over a catalogue."""
    import torch

    from benchmarks.steps import seconds_a_step, settings, split_over
    from benchmarks.synthetic import MEAN_LENGTH

    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    speed = 2 * SIDE**3 / min(seconds_of(lambda: left @ right) for _ in range(10))
    source, target = torch.rand(COPIED), torch.empty(COPIED)
    bandwidth = 2 * 4 * COPIED / min(seconds_of(lambda: target.copy_(source)) for _ in range(5))
    config = settings(split_over(n_items, 10 * n_items if n_items <= 100_000 else 10_000), "sampled")
    m, t = config.model, config.training
    assert m.d_model and m.d_ff and m.n_layers and t.batch_tokens and t.n_negatives
    operations = step_operations(t.batch_tokens, MEAN_LENGTH, m.d_model, m.d_ff, m.n_layers, t.n_negatives)
    moved = optimiser_bytes((n_items + 1) * m.d_model)
    seconds = seconds_a_step(n_items, "sampled", 40 if n_items < 100_000 else 8)
    return {
        "items": n_items,
        "operations": operations,
        "operations_a_second": speed,
        "arithmetic_seconds": operations / speed,
        "bytes": moved,
        "bytes_a_second": bandwidth,
        "dense_optimiser_seconds": moved / bandwidth,
        "step_seconds": seconds,
        "arithmetic_share": operations / speed / seconds,
    }


def main() -> None:
    """Measure every size in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=(12_000, 1_000_000))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        import torch

        torch.set_num_threads(asked.threads)
        print(json.dumps(measured(asked.one)))
        return
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--one"]
    print(json.dumps({"rows": [in_own_process([*command, str(n_items)]) for n_items in asked.items]}))


if __name__ == "__main__":
    main()
