"""The pure parts of the benchmarks: counting, ratios, percentiles, what is written and drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bench import parts
from benchmarks.growth import exponents
from benchmarks.limits import PASSES, optimiser_bytes, step_operations
from benchmarks.measuring import middle_and_end
from benchmarks.results import STAGES, drawn, table, written
from benchmarks.softmax import crossing
from benchmarks.steps import split_over
from benchmarks.versus import ratios
from engine.model.network.transformer import NetworkConfig, blank
from engine.model.training.losses import softmax_loss

MACHINE = {"processor": "abacus", "cores": "2"}


def growth_rows() -> list[dict[str, float]]:
    rows = []
    for n in (10_000, 100_000, 1_000_000):
        row = {"interactions": n, "items": n // 10, "users": n // 10, "megabytes_before": 300.0, "trained_share": 1.0}
        row |= {f"{stage}_seconds": 1e-4 * n for stage in STAGES}
        row |= {f"{stage}_megabytes": 300 + 1e-3 * n for stage in STAGES}
        rows.append(row)
    return rows


def test_a_steps_operations_are_those_that_torch_counts() -> None:
    batch, length, width, inner, layers, items = 4, 7, 16, 32, 2, 50
    network = blank(NetworkConfig(60, length, width, layers, 2, inner, 0.0, "dot", 1.0))
    network.initialise(torch.Generator().manual_seed(0))
    events = torch.randint(1, 61, (batch, length), generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        hidden = network(events).hidden.reshape(-1, width)
        softmax_loss(network, hidden, events.reshape(-1), torch.arange(1, items + 1)).backward()
    counted = step_operations(batch * length, length, width, inner, layers, items)
    # torch's counter knows matrix products alone: not a token's own logit, 3 * 2 N D here.
    assert counter.get_total_flops() == pytest.approx(counted - 6 * batch * length * width, rel=1e-12)


def test_the_optimisers_bytes_grow_with_the_weights() -> None:
    assert optimiser_bytes(1) == 4 * PASSES
    assert optimiser_bytes(64_000_000) == 64_000_000 * optimiser_bytes(1)


def test_the_99th_percentile_is_met_by_99_of_100() -> None:
    assert middle_and_end([float(i) for i in range(100, 0, -1)]) == (50.5, 99.0)
    assert middle_and_end([3.0]) == (3.0, 3.0)


def test_growth_that_is_linear_has_the_exponent_one() -> None:
    assert exponents(growth_rows()) == pytest.approx({**dict.fromkeys(STAGES, 1.0), "memory": 1.0})


def test_the_crossing_lies_between_the_sizes_where_the_order_turns() -> None:
    sizes = [1_000, 4_000, 16_000]
    assert crossing(sizes, [1.0, 2.0, 8.0], [2.0, 2.0, 2.0]) == pytest.approx(4_000)  # equal there
    assert crossing(sizes, [1.0, 4.0, 16.0], [2.0, 2.0, 2.0]) == pytest.approx(2_000)
    assert crossing(sizes, [3.0, 4.0, 5.0], [2.0, 2.0, 2.0]) == 1_000
    assert crossing(sizes, [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]) is None
    assert crossing(sizes, [1.0, None, None], [2.0, 2.0, 2.0]) is None


def side(seconds: float, validations: list[list[float]]) -> dict[str, object]:
    return {
        "seconds_an_epoch": seconds,
        "recommend_seconds": seconds,
        "peak_megabytes": 100 * seconds,
        "validations": validations,
        "loss": "full",
        "timed": "3 whole epochs",
        **{"interactions": 9, "items": 8, "d_model": 4, "n_layers": 1, "max_len": 5},
    }


def test_ratios_favour_the_quicker_and_time_to_quality_asks_for_the_peers_best() -> None:
    theirs = side(8.0, [[10.0, 0.1], [20.0, 0.3], [30.0, 0.2], [40.0, 0.3]])
    found = ratios(side(2.0, [[4.0, 0.2], [5.0, 0.3], [6.0, 0.4]]), theirs)
    assert found == {"training": 4.0, "recommending": 4.0, "memory": 4.0, "time_to_quality": 4.0}  # 20 s over 5 s
    assert ratios(side(2.0, [[4.0, 0.2]]), theirs)["time_to_quality"] is None
    assert ratios(side(2.0, [[4.0, 0.2]]), side(8.0, []))["time_to_quality"] is None


def test_a_split_over_a_catalogue_may_hold_few_of_its_items() -> None:
    split = split_over(5_000, 300)
    assert split.candidates.sum() == 5_000
    assert len(split.train.items) == split.train.lengths.sum() == 300
    assert (np.diff(split.train.offsets) > 0).all()


def test_a_table_refuses_a_row_of_another_width_and_keeps_bars() -> None:
    assert table(["a", "b"], [["1", "x|y"]]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"
    with pytest.raises(ValueError, match="a row of 1 cells under a head of 2"):
        table(["a", "b"], [["1"]])


def part(figures: dict[str, object]) -> dict[str, object]:
    return {"command": "python benchmarks/x.py", "seconds": 1.0, "figures": figures}


def test_results_say_what_was_not_measured_and_what_failed() -> None:
    rows = growth_rows()
    rows[-1]["trained_share"] = 0.25
    linear = exponents(rows)
    mine, theirs = side(2.0, [[5.0, 0.31]]), side(8.0, [[20.0, 0.3]])
    both = {"tailscope": mine, "rectools": theirs, "times_as_good": ratios(mine, theirs)}
    text = written(
        MACHINE,
        {
            "versus beauty": part(both),
            "versus ml-100k": part({"error": "trace\nRuntimeError: no such file"}),
            "growth": part({"rows": rows, "exponents": linear, "last_exponents": linear}),
            "softmax": part(
                {"rows": [{"items": 10**6, "sampled": 0.5, "full": None}], "sampled_pays_from": None, "tokens": 1}
            ),
            "gpu": part({"device": None}),
        },
        quick=False,
    )
    assert "not measured: no GPU" in text
    assert "- versus ml-100k: RuntimeError: no such file" in text
    assert "scaled from 25.0% of one" in text
    assert "not run: too little memory" in text
    assert "4 × (0.3000)" in text
    assert "| processor | abacus |" in text
    assert "mean nothing" not in text
    assert "mean nothing" in written(MACHINE, {}, quick=True)


def test_the_plot_is_an_svg_whose_points_lie_inside() -> None:
    root = ET.fromstring(drawn(growth_rows()))
    circles = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(circles) == 3 * len(STAGES)
    for node in circles:
        assert 70 <= float(node.get("cx", "")) <= 490
        assert 30 <= float(node.get("cy", "")) <= 330


def test_the_data_and_the_peer_decide_which_parts_run(tmp_path: Path) -> None:
    (tmp_path / "beauty").mkdir()
    everything = parts(tmp_path, "peer", quick=False, threads=2)
    assert [name for name in everything if name.startswith("versus")] == ["versus shop", "versus beauty"]
    assert "versus beauty" not in parts(tmp_path, "peer", quick=True, threads=2)
    assert [name for name in parts(None, None, quick=False, threads=2) if name.startswith("versus")] == []
    assert all((Path("benchmarks") / command[0]).is_file() for command in everything.values())
