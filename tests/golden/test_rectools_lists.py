"""Lists that RecTools 0.19 made and the figures that its own metrics gave them; `benchmarks/agreement.py` made both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import engine
from engine.data.cleaning import load_dataset

FOLDER = Path(__file__).parent / "rectools"


@pytest.mark.parametrize("protocol", ["leave-last-out", "temporal"])
def test_our_figures_are_rectools(protocol: str):
    config = engine.load_config(changes=[f"evaluation.protocol={protocol}", "evaluation.test_share=0.2"])
    dataset, _ = load_dataset(FOLDER / "log.csv")
    theirs = json.loads((FOLDER / protocol / "figures.json").read_text(encoding="utf-8"))
    found = engine.diagnose_lists(FOLDER / protocol / "rectools.csv", dataset, config)
    report = found.evaluation.models["rectools"]
    ours = {name: e.value for name, e in report.overall.metrics.items()} | report.coverage
    shared = ours.keys() & theirs.keys()
    families = {"hr", "ndcg", "mrr", "precision", "recall", "f1", "coverage"} | (
        {"map"} if protocol[0] == "l" else set()
    )
    assert shared >= {f"{family}@{k}" for family in families for k in (5, 10, 20)}
    assert {name: ours[name] for name in shared} == pytest.approx({name: theirs[name] for name in shared}, abs=1e-9)
    assert 0 < ours["ndcg@10"] < 1
