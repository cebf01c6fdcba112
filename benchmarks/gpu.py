"""Sequences a second on a graphics card, in float32 and in mixed precision (`training.precision`).

python benchmarks/gpu.py [--items 12000] [--steps 200]

Prints one JSON document: {"device": null} where torch finds no card.
"""

from __future__ import annotations

import argparse
import json

import torch

from benchmarks.steps import seconds_a_step, settings, split_over
from benchmarks.synthetic import MEAN_LENGTH


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"device": None}))
        return
    tokens = settings(split_over(asked.items, 1_000), "sampled").training.batch_tokens or 0
    out: dict[str, object] = {"device": torch.cuda.get_device_name(), "items": asked.items}
    for name, precision in (("float32", "float32"), ("mixed", "bfloat16")):
        seconds = seconds_a_step(asked.items, "sampled", asked.steps, device="cuda", precision=precision)
        out[name] = tokens / (MEAN_LENGTH - 1) / seconds
    print(json.dumps(out))


if __name__ == "__main__":
    main()
