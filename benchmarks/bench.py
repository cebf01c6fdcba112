"""Everything that is claimed of speed, measured one after another, and written to benchmarks/RESULTS.md.

python benchmarks/bench.py [--data FOLDER] [--peer-python PEER/bin/python] [--quick] [--only growth softmax]

`make bench DATA=FOLDER` does this with an environment for RecTools. FOLDER may hold `beauty` and `ml-100k`; without it
the sample shop stands in. --quick tries every part on little data in two minutes; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.growth import SIZES
from benchmarks.measuring import in_own_process, machine, usable_cores
from benchmarks.results import drawn, written

HERE = Path(__file__).resolve().parent


def parts(data: Path | None, peer_python: str | None, quick: bool, threads: int) -> dict[str, list[str]]:
    """The command of every part by its name, Python left out."""
    logs = {"shop": Path(os.path.relpath(HERE.parent / "sample_data"))}
    if data is not None and not quick:
        logs |= {name: data / name for name in ("beauty", "ml-100k") if (data / name).is_dir()}
    out: dict[str, list[str]] = {}
    for name, path in logs.items() if peer_python else ():
        ways = {"shop": ["--peer-batches", "5"] if quick else [], "ml-100k": ["--peer-epochs", "40"]}
        ours = ["--epochs", "2" if quick else "5"]
        out[f"versus {name}"] = ["versus.py", str(path), "--peer-python", str(peer_python), *ours, *ways.get(name, [])]
    little = "10000 30000" if quick else " ".join(map(str, SIZES))
    out["latency"] = ["latency.py", *(["--items", "2000", "--users", "100"] if quick else [])]
    out["growth"] = ["growth.py", "--seconds", "5" if quick else "60", "--sizes", *little.split()]
    out["softmax"] = ["softmax.py", *(["--items", "1000", "3000", "--steps", "5"] if quick else [])]
    out["limits"] = ["limits.py", *(["--items", "2000"] if quick else [])]
    out["gpu"] = ["gpu.py"]
    return {name: [*command, "--threads", str(threads)] if name != "gpu" else command for name, command in out.items()}


def measured(commands: dict[str, list[str]], tell: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Every part's figures, seconds and command, or the error that it ended with."""
    out: dict[str, dict[str, Any]] = {}
    for name, (script, *rest) in commands.items():
        start = time.perf_counter()
        tell(f"{name} ...")
        shown = f"python benchmarks/{script} {shlex.join(rest)}"
        try:
            figures: dict[str, Any] = in_own_process([sys.executable, str(HERE / script), *rest])
        except RuntimeError as error:
            figures = {"error": str(error)}
        out[name] = {"command": shown, "seconds": time.perf_counter() - start, "figures": figures}
        tell(f"{name}: {'failed' if 'error' in figures else 'done'} after {out[name]['seconds']:.0f} s")
    return out


def main() -> int:
    """Measure, write, and fail if a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with beauty/ and ml-100k/; the sample shop needs none")
    parser.add_argument("--peer-python", help="Python of an environment that has rectools[torch]")
    parser.add_argument("--quick", action="store_true", help="try every part in two minutes")
    parser.add_argument("--only", nargs="+", help="names of parts; those of one word, or the log for 'versus'")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, help="folder of RESULTS.md; benchmarks/, or a quick one's build/")
    asked = parser.parse_args()
    if asked.data is not None and not asked.data.is_dir():
        parser.error(f"--data {asked.data} is no folder; it should hold beauty/ or ml-100k/, or leave it out.")
    commands = parts(asked.data, asked.peer_python, asked.quick, asked.threads)
    if asked.only:
        commands = {name: c for name, c in commands.items() if set(name.split()) & set(asked.only)}
    about = {**machine(), "threads": str(asked.threads)}
    found = measured(commands, lambda text: print(text, file=sys.stderr, flush=True))
    folder = asked.out or (HERE.parent / "build" if asked.quick else HERE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(written(about, found, asked.quick), encoding="utf-8")
    rows = found.get("growth", {}).get("figures", {}).get("rows")
    if rows:
        (folder / "growth.svg").write_text(drawn(rows), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps({"machine": about, "parts": found}, indent=1), encoding="utf-8")
    print(folder / "RESULTS.md")
    return int(any("error" in part["figures"] for part in found.values()))


if __name__ == "__main__":
    sys.exit(main())
