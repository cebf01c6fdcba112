"""`tailscope serve` and `tailscope demo`: the dashboard over a folder of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

import engine
from dashboard.cli import server_process, tables
from dashboard.cli.options import RUNS, Address, Browser, Json, Port, RunsDir
from dashboard.cli.output import Answer, remark
from dashboard.cli.train import making_a_run, oracle_of, remark_if_interrupted

SAMPLE_RUN = "sample-shop"


def serve(
    runs: RunsDir = RUNS,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    browser: Browser = True,
    json: Json = False,
) -> None:
    """Open the dashboard over a folder of runs; Ctrl-C ends it."""
    _serve(Answer(json), runs, port, address, browser, {})


def demo(
    runs: RunsDir = RUNS,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    browser: Browser = True,
    json: Json = False,
) -> None:
    """Train on the sample shop, unless that is done already, then open the dashboard."""
    answer = Answer(json)
    server_process.require_free(address, port)  # before a minute of training, not after it
    if not (runs / SAMPLE_RUN / "config.json").is_file():  # a run in sight is whole; to ask the engine would load torch
        remark(f"Training on the sample shop; the run is kept as {runs / SAMPLE_RUN}.")
        with making_a_run(answer) as view:
            run = engine.train_run(server_process.sample_data(), name=SAMPLE_RUN, runs_dir=runs, on_progress=view)
        remark_if_interrupted(run)
        if not answer.as_json:
            table = tables.evaluation_table(run.evaluation, run.answers, oracle_of(run, run.evaluation, run.config))
            answer.give(None, table, *tables.target_remarks(run.evaluation, run.answers))
    _serve(answer, runs, port, address, browser, {"run": SAMPLE_RUN})


def _serve(answer: Answer, runs: Path, port: int, address: str, browser: bool, more: dict[str, Any]) -> None:
    def ready(url: str) -> None:
        line = Text.assemble("Dashboard: ", (url, "bold underline"), "  (Ctrl-C ends it)")
        answer.give({"url": url, "runs": str(runs)} | more, line)
        sys.stdout.flush()

    for said in server_process.caution(address, port):
        remark(said)
    code = server_process.serve(runs, address, port, browser and not answer.as_json and sys.stdout.isatty(), ready)
    if code:
        raise typer.Exit(code)
