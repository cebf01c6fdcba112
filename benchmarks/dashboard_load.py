"""How soon pages come while many people read: sessions that walk through all pages, over Streamlit's own protocol.

    python benchmarks/dashboard_load.py RUNS [--sessions 5,10,20] [--minutes 10] [--json FILE]

Each session is a reader with a pace: a page, some seconds to read it, another page, another user now and then.
Measured is the time from the request until the page's script has ended and all of it has arrived; a browser takes its
own time to draw it. The server runs on this machine beside the readers, who cost little.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.server_process import serving  # noqa: E402
from tests.websocket_client import Gone, Reader  # noqa: E402

PAGES = ("overview", "recommendations", "attention", "explain", "what-if", "items", "head-vs-tail", "compare")
READS = (1.0, 5.0)
"""Seconds that a reader looks at a page, between these."""

PATIENCE = 120.0


@dataclass
class Measured:
    """What so many sessions met.

    Attributes:
        sessions: how many at once.
        seconds: page -> how long each took to come.
        errors: what went wrong, a line each.
    """

    sessions: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[str, int, float, float, float]]:
        """Page, how often, median, 95th percentile, maximum; all pages together at the end."""
        every = [second for seconds in self.seconds.values() for second in seconds]
        for page, seconds in [*sorted(self.seconds.items()), ("all", every)]:
            if seconds:
                median, high = np.percentile(seconds, [50, 95])
                yield page, len(seconds), float(median), float(high), max(seconds)


def read(address: str, seed: int, end: float, into: Measured, lock: threading.Lock) -> None:
    """One reader, until the end; who is thrown out comes again."""
    rng = random.Random(seed)
    while time.monotonic() < end:
        try:
            with Reader(address, patience=PATIENCE) as reader:
                page = rng.choice(PAGES)
                note(into, lock, reader, page, reader.open(page, f"lang={rng.choice(('en', 'zh'))}"))
                while time.monotonic() < end:
                    time.sleep(rng.uniform(*READS))
                    step(reader, rng, into, lock)
        except (Gone, OSError) as error:
            with lock:
                into.errors.append(f"{type(error).__name__}: {error}")
            time.sleep(1)


def step(reader: Reader, rng: random.Random, into: Measured, lock: threading.Lock) -> None:
    """Another user of the run, on a page about one, in a third of all steps; else another page."""
    boxes = [node for node in reader.nodes("selectbox") if node.key == "bar_user"]
    if boxes and rng.random() < 1 / 3:
        took = reader.select(boxes[0], rng.choice(list(boxes[0].shown.options)))
        note(into, lock, reader, f"{reader.path}, other user", took)
        return
    page = rng.choice([page for page in PAGES if page != reader.path])
    note(into, lock, reader, page, reader.go(page))


def note(into: Measured, lock: threading.Lock, reader: Reader, page: str, took: float) -> None:
    """Keep how long a page took, and what was wrong with it."""
    said = [node.shown.body for node in reader.nodes("alert") if "dashboard" in node.shown.body]
    with lock:
        into.seconds[page].append(took)
        into.errors += [f"{page}: {text}" for text in (*reader.errors, *said)]
    reader.errors.clear()


def measure(address: str, sessions: int, minutes: float) -> Measured:
    """So many readers at once, for so long."""
    found, lock, end = Measured(sessions), threading.Lock(), time.monotonic() + 60 * minutes
    readers = [
        threading.Thread(target=read, args=(address, 1000 * sessions + n, end, found, lock)) for n in range(sessions)
    ]
    for reader in readers:
        reader.start()
        time.sleep(min(0.5, 20 * minutes / sessions))  # people do not come all at once
    for reader in readers:
        reader.join()
    return found


def table(all_found: Sequence[Measured]) -> str:
    """The figures in Markdown."""
    lines = ["| sessions | page | times | median s | 95 % s | most s | errors |", "|---|---|---|---|---|---|---|"]
    for found in all_found:
        for page, n, median, high, most in found.rows():
            wrong = str(len(found.errors)) if page == "all" else ""
            lines.append(f"| {found.sessions} | {page} | {n} | {median:.2f} | {high:.2f} | {most:.2f} | {wrong} |")
    return "\n".join(lines)


@contextmanager
def server(runs: Path, address: str | None) -> Iterator[str]:
    """The address of a running server, or of one of our own."""
    if address is not None:
        yield address
        return
    with serving(runs.resolve()) as url:
        yield url


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of runs")
    parser.add_argument("--sessions", default="5,10,20", help="how many at once, one after the other")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each of them")
    parser.add_argument("--address", help="of a server that runs already")
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    given = parser.parse_args()
    all_found = []
    with server(given.runs, given.address) as address:
        for sessions in map(int, given.sessions.split(",")):
            print(f"{sessions} sessions, {given.minutes:g} minutes", file=sys.stderr, flush=True)
            all_found.append(measure(address, sessions, given.minutes))
    print(table(all_found))
    for found in all_found:
        for text in sorted(set(found.errors))[:20]:
            print(f"{found.sessions} sessions: {found.errors.count(text)} times: {text}")
    if given.json:
        kept = [{"sessions": f.sessions, "seconds": f.seconds, "errors": f.errors} for f in all_found]
        about = {"cores": os.cpu_count(), "commit": _commit(), "measured": kept}
        given.json.write_text(json.dumps(about, indent=1), encoding="utf-8")
    sys.exit(any(found.errors for found in all_found))


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
