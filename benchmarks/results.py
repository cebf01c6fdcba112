"""Figures into words: RESULTS.md and the plot of growth."""

from __future__ import annotations

import math
from typing import Any

STAGES = {
    "read": "read and clean",
    "epoch": "one training epoch",
    "recommend": "recommend to 1,000 users",
    "itemknn": "fit item kNN",
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")

Figures = dict[str, Any]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every row must be as wide as its head."""
    wrong = [row for row in rows if len(row) != len(head)]
    if wrong:
        raise ValueError(f"a row of {len(wrong[0])} cells under a head of {len(head)}: {wrong[0]}")
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"


def times(value: float | None, reached: str = "not reached") -> str:
    """A ratio, such as 2.1 ×."""
    return reached if value is None else f"{value:.3g} ×"


def written(machine: dict[str, str], parts: dict[str, Figures], quick: bool) -> str:
    """RESULTS.md: the machine, then every part with the command that gives it."""
    out = ["# Results", ""]
    if quick:
        out += ["**A trial of all parts on little data: these figures mean nothing.**", ""]
    out += ["Written by `make bench`. Ratios above 1 are in Tailscope's favour.", ""]
    out += [table(["machine", ""], [[name, value] for name, value in machine.items()]), ""]
    versus = {name.removeprefix("versus "): part for name, part in parts.items() if name.startswith("versus ")}
    whole = {name: part for name, part in versus.items() if "error" not in part["figures"]}
    if whole:
        out += ["## Against RecTools", "", _versus({name: part["figures"] for name, part in whole.items()}), ""]
        out += [_command(part) for part in whole.values()] + [""]
    titles = {
        "latency": ("## One user's recommendations", _latency),
        "growth": ("## Growth", _growth),
        "softmax": ("## Sampled against full softmax", _softmax),
        "limits": ("## How near a step is to what the machine can do", _limits),
        "gpu": ("## Graphics card", _gpu),
    }
    for name, (title, words) in titles.items():
        if name in parts and "error" not in parts[name]["figures"]:
            out += [title, "", words(parts[name]["figures"]), "", _command(parts[name]), ""]
    failed = {name: part for name, part in parts.items() if "error" in part["figures"]}
    if failed:
        out += ["## What failed", ""]
        out += [f"- {name}: {part['figures']['error'].splitlines()[-1]}" for name, part in failed.items()] + [""]
    return "\n".join(out)


def _command(part: Figures) -> str:
    return f"`{part['command']}` ({part['seconds']:.0f} s)  "


def _versus(logs: dict[str, Figures]) -> str:
    head = ["log", "size", "epoch, Tailscope", "epoch, RecTools", "epochs a second", "time to RecTools' best NDCG@10"]
    head += ["recommending to all users", "peak memory"]
    rows = []
    for name, found in logs.items():
        mine, theirs, ratio = found["tailscope"], found["rectools"], found["times_as_good"]
        best = max((pair[1] for pair in theirs["validations"]), default=None)
        rows.append(
            [
                name,
                f"{mine['interactions']:,} interactions, {mine['items']:,} items; width {mine['d_model']}, "
                f"{mine['n_layers']} layers, length {mine['max_len']}",
                f"{seconds(mine['seconds_an_epoch'])} ({mine['loss']} softmax)",
                f"{seconds(theirs['seconds_an_epoch'])} ({theirs['loss']}; {theirs['timed']})",
                times(ratio["training"]),
                "not asked" if best is None else f"{times(ratio['time_to_quality'])} ({best:.4f})",
                f"{times(ratio['recommending'])} ({seconds(mine['recommend_seconds'])})",
                f"{times(ratio['memory'])} ({mine['peak_megabytes']:,.0f} MB)",
            ]
        )
    return table(head, rows)


def _latency(found: Figures) -> str:
    return (
        f"{found['items']:,} items, {found['users']:,} users one by one, top 10 with titles: median "
        f"{found['median_ms']:.2g} ms, 99th percentile {found['p99_ms']:.2g} ms."
    )


def _growth(found: Figures) -> str:
    head = ["interactions", "items", "users", *STAGES.values(), "most memory"]
    body = []
    for row in found["rows"]:
        most = max(row[f"{stage}_megabytes"] for stage in STAGES)
        cells = [seconds(row[f"{stage}_seconds"]) for stage in STAGES]
        if row["trained_share"] < 1:
            cells[1] += f" (scaled from {row['trained_share']:.1%} of one)"
        body.append([*(f"{row[key]:,}" for key in ("interactions", "items", "users")), *cells, f"{most / 1000:.2f} GB"])
    body.append(["exponent, all sizes", "", "", *_exponents(found["exponents"])])
    if "last_exponents" in found:
        body.append(["exponent, last two sizes", "", "", *_exponents(found["last_exponents"])])
    return table(head, body) + "\n\nAn exponent of 1 is linear growth.\n\n![growth](growth.svg)"


def _exponents(found: dict[str, float]) -> list[str]:
    return [f"{found[key]:.2f}" for key in (*STAGES, "memory")]


def _softmax(found: Figures) -> str:
    rows = []
    for row in found["rows"]:
        whole = row["full"]
        cells = ["not run: too little memory", ""] if whole is None else [seconds(whole), times(whole / row["sampled"])]
        rows.append([f"{row['items']:,}", seconds(row["sampled"]), *cells])
    pays = found["sampled_pays_from"]
    words = f"from about {pays:,.0f} items" if pays else "at none of the sizes"
    head = ["items", "step, sampled", "step, full", "sampled is faster by"]
    return table(head, rows) + f"\n\nOn this machine the sampled softmax is the faster one {words}."


def _limits(found: Figures) -> str:
    return "\n".join(_limit(row) for row in found["rows"])


def _limit(row: Figures) -> str:
    return (
        f"- {row['items']:,} items: a step needs {row['operations'] / 1e9:.3g} billion floating point operations; "
        f"at {row['operations_a_second'] / 1e9:.3g} billion a second (a product of large float32 matrices) that is "
        f"{seconds(row['arithmetic_seconds'])}. It takes {seconds(row['step_seconds'])}: "
        f"{row['arithmetic_share']:.0%} of what the cores give. A dense optimiser moves "
        f"{row['bytes'] / 1e6:,.0f} MB a step, at {row['bytes_a_second'] / 1e9:.3g} GB a second "
        f"{seconds(row['dense_optimiser_seconds'])}."
    )


def _gpu(found: Figures) -> str:
    if found["device"] is None:
        return "not measured: no GPU"
    return (
        f"{found['device']}, {found['items']:,} items: {found['float32']:,.0f} sequences a second in float32, "
        f"{found['mixed']:,.0f} in mixed precision."
    )


def drawn(rows: list[Figures]) -> str:
    """Time over interactions on two logarithmic axes, one line a stage, beside a dashed line of slope 1: an SVG."""
    sizes = [float(row["interactions"]) for row in rows]
    values = {stage: [float(row[f"{stage}_seconds"]) for row in rows] for stage in STAGES}
    everything = [value for line in values.values() for value in line]
    low, high = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)) + 1e-9)
    left, right = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)) + 1e-9)

    def x(size: float) -> float:
        return 70 + 420 * (math.log10(size) - left) / max(right - left, 1)

    def y(value: float) -> float:
        return 330 - 300 * (math.log10(value) - low) / max(high - low, 1)

    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 380" font-family="sans-serif" font-size="12">',
        "<title>Seconds over interactions, both axes logarithmic</title>",
        '<rect width="720" height="380" fill="white"/>',
    ]
    for power in range(left, right + 1):
        at = x(10**power)
        out.append(f'<line x1="{at:.1f}" y1="30" x2="{at:.1f}" y2="330" stroke="#ddd"/>')
        out.append(f'<text x="{at:.1f}" y="348" text-anchor="middle">{10**power:,}</text>')
    for power in range(low, high + 1):
        at = y(10**power)
        out.append(f'<line x1="70" y1="{at:.1f}" x2="490" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="62" y="{at + 4:.1f}" text-anchor="end">{10**power:g} s</text>')
    out.append('<text x="280" y="370" text-anchor="middle">interactions</text>')
    reach = min(right - left, high - low)
    end = f"{x(10 ** (left + reach)):.1f}", f"{y(10 ** (low + reach)):.1f}"
    out.append(f'<line x1="70" y1="330" x2="{end[0]}" y2="{end[1]}" stroke="#888" stroke-dasharray="5 4"/>')
    out.append('<text x="505" y="150" fill="#666">dashed: linear growth</text>')
    for number, (stage, colour) in enumerate(zip(STAGES, COLOURS, strict=True)):
        points = [(x(size), y(value)) for size, value in zip(sizes, values[stage], strict=True)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        out.append(f'<text x="505" y="{50 + 20 * number}" fill="{colour}">{STAGES[stage]}</text>')
    return "\n".join([*out, "</svg>", ""])
