"""Half-width numbers and compiled blocks learn the same thing, and are left out where they cannot be had."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

import engine.model.training.precision as speed
from engine.config import RunConfig
from engine.model.training.loop import Checkpoint, Trained, train
from engine.model.training.precision import arithmetic
from tests.unit.engine.model.training.test_loop import ARCHITECTURES, cycles, settings

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def trained(architecture: str = "causal", **given: object) -> tuple[Trained, list[Checkpoint]]:
    split = cycles()
    config = settings(split, **{"max_epochs": 3, "warmup_steps": 2, **given})
    kept: list[Checkpoint] = []
    config = config.replace({"model": {"architecture": architecture}})
    return train(split, config, save=lambda make: kept.append(make())), kept


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_half_width_products_are_used_and_cost_little_and_weights_keep_their_width(architecture: str) -> None:
    (whole, _), (half, kept) = (trained(architecture, precision=p) for p in ("float32", "bfloat16"))
    pairs = [(a.loss, b.loss) for a, b in zip(whole.log, half.log, strict=True)]
    assert all(a != b for a, b in pairs)
    assert all(b == pytest.approx(a, rel=0.02) for a, b in pairs)
    held = (half.network.state_dict(), kept[-1].network, kept[-1].averaged, kept[-1].optimiser)
    assert {tensor.dtype for tensors in held for tensor in tensors.values()} == {torch.float32}


def test_automatic_is_float32_on_a_processor() -> None:
    (auto, _), (whole, _) = (trained(precision=p) for p in ("auto", "float32"))
    assert [e.loss for e in auto.log] == [e.loss for e in whole.log]


@pytest.mark.parametrize(("precision", "has", "half"), [
    ("auto", True, True), ("auto", False, False), ("float32", True, False), ("bfloat16", False, True),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*CUDA")
def test_automatic_is_bfloat16_where_cuda_has_it(
    precision: str, has: bool, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has)
    given = RunConfig().replace({"training": {"precision": precision}}).training
    used = arithmetic(given, CUDA)
    assert isinstance(used, torch.autocast if half else nullcontext)
    assert not isinstance(used, torch.autocast) or used.fast_dtype == torch.bfloat16


@pytest.mark.slow
def test_compiled_blocks_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's tracer alone, since machine code takes a minute to make."""
    monkeypatch.setattr(speed, "BACKEND", "eager")
    plain, _ = trained(max_epochs=1)
    torch._dynamo.reset()
    compiled, _ = trained(max_epochs=1, compile=True)
    assert torch._dynamo.utils.counters["frames"]["ok"] > 0  # something was traced
    assert compiled.log[0].loss == pytest.approx(plain.log[0].loss, rel=1e-4)
    for name, weights in plain.network.state_dict().items():
        torch.testing.assert_close(compiled.network.state_dict()[name], weights, rtol=1e-3, atol=1e-4)
    assert all(block._compiled_call_impl is None for block in compiled.network.blocks)


def test_without_a_compiler_training_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: object, **__: object) -> None:
        raise RuntimeError("No working C++ compiler found\nand more")

    plain, _ = trained()
    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.warns(
        RuntimeWarning, match=r"cannot compile here \(No working C\+\+ compiler found\).*goes on without"
    ):
        other, _ = trained(compile=True)
    assert all(torch.equal(w, other.network.state_dict()[name]) for name, w in plain.network.state_dict().items())
