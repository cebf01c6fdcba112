"""`tailscope faithfulness`: how far the explanations of a run can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import engine
from dashboard.cli import tables
from dashboard.cli.options import RUNS, Json, RunName, RunsDir
from dashboard.cli.output import Answer, ProgressView, duration, figure
from dashboard.text import faithfulness as faithfulness_text

if TYPE_CHECKING:
    from engine import Estimate, Faithfulness, Retraining


def faithfulness(
    run: RunName,
    users: Annotated[int, typer.Option("--users", min=2, metavar="NUMBER", help="How many tested users to ask.")] = 200,
    other: Annotated[
        str | None,
        typer.Option("--other", metavar="RUN", help="Another run of the same data: are its explanations alike?"),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="NUMBER", help="Of users, SHAP, random orders and intervals.")
    ] = 0,
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Do explanations name what moves a score? Deletion and insertion curves of SHAP, attention, recency and chance.

    Kept in the run, so that it is worked out once.
    """
    answer = Answer(json)
    with answer.working(), ProgressView() as view:
        loaded = engine.load_run(run, runs_dir=runs)
        second = None if other is None else engine.load_run(other, runs_dir=runs)
        found = engine.faithfulness_of(loaded, users, seed, view)
        again = None if second is None else engine.retraining(loaded, second, users, seed, view)
    answer.give({**found.to_dict(), "retraining": None if again is None else again.to_dict()}, *_lines(found, again))


def _lines(found: Faithfulness, again: Retraining | None) -> list[Any]:
    """For a person: a sentence, the scoreboard, and the checks."""
    lines: list[Any] = [
        Text(faithfulness_text.verdict(found), style="bold"),
        Text(faithfulness_text.about_attention(found)),
        _table(found),
    ]
    lines += [Text(said) for said in faithfulness_text.checks(found)]
    if again is not None:
        parts = ", ".join(
            f"{faithfulness_text.method_name(name)} {figure(e.value)}" for name, e in again.methods.items()
        )
        lines.append(Text(f"Against run {again.other}, on {again.n_users:,} users, rank correlations: {parts}."))
    note = (
        f"{faithfulness_text.whom(found)} {faithfulness_text.rule()} Intervals over users; {duration(found.seconds)}."
    )
    return [
        *lines,
        Text(note, style="dim"),
        Text("Curves, agreement between methods, all figures: --json", style="dim"),
    ]


def _table(found: Faithfulness) -> Table:
    """Methods down; both areas for all, head and tail users across."""
    groups = ["all users", *(f"{cohort} users" for cohort in found.n_users)]
    sizes = [sum(found.n_users.values()), *found.n_users.values()]
    columns = [
        f"{curve}\n{group}, n = {n:,}"
        for curve in ("Deletion ↓", "Insertion ↑")
        for group, n in zip(groups, sizes, strict=True)
    ]
    made = tables.table("Order of events", *columns, right=columns)
    for name, score in found.methods.items():
        areas = [score.overall, *(score.users.get(cohort) for cohort in found.n_users)]
        both: list[Estimate | None] = [a and a.deletion_auc for a in areas] + [a and a.insertion_auc for a in areas]
        made.add_row(
            faithfulness_text.method_name(name), *("cannot be said" if e is None else tables.interval(e) for e in both)
        )
    return made
