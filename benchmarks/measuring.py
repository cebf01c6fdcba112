"""What every benchmark needs: a process of its own with its result and its peak memory, the machine, percentiles."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def peak_megabytes() -> float:
    """The most memory that this process has held so far, by `resource.getrusage`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


def in_own_process(command: list[str]) -> dict[str, Any]:
    """The JSON object that a command prints as its last line.

    Raises:
        RuntimeError: the command fails; holds the end of what it said.
    """
    root = Path(__file__).resolve().parents[1]
    held = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(root), *([held] if held else [])])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes, by the wall clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def middle_and_end(values: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile (the smallest value that 99 % do not exceed)."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[-(-99 * len(ordered) // 100) - 1]


def machine() -> dict[str, str]:
    """What figures of speed depend on, in words."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(info) if line.startswith("model name")]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": names[0] if names else platform.processor() or "unknown",
        "cores": str(usable_cores()),
        "memory": f"{_kilobytes('MemTotal') / (1 << 20):.1f} GiB" if _lines(Path("/proc/meminfo")) else "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "date": datetime.now(UTC).date().isoformat(),
        "load when it began": load,
    }


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_bytes() -> int | None:
    """Memory that can be had now; None where the system does not say."""
    return int(_kilobytes("MemAvailable") * 1024) or None


def _kilobytes(name: str) -> float:
    rows = [line.split()[1] for line in _lines(Path("/proc/meminfo")) if line.startswith(f"{name}:")]
    return float(rows[0]) if rows else 0.0


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
