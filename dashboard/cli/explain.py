"""`tailscope explain` and `explain-users`: why a run recommends what it recommends. `dashboard.cli.main` names them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import engine
from dashboard.cli import json_documents as documents, tables
from dashboard.cli.json_documents import player_title
from dashboard.cli.options import (
    RUNS,
    About,
    Events,
    HeldOut,
    Json,
    RunName,
    RunsDir,
    User,
    by_column,
    known_about,
    new_events,
)
from dashboard.cli.output import Answer, ProgressView, duration, figure

if TYPE_CHECKING:
    import pandas as pd

    from engine import Attribution, Contrast, Counterfactual, ExplainedUsers, FeatureAttribution, Player


class By(StrEnum):
    """What the values of many users are put side by side by."""

    RECENCY = "recency"
    CATEGORY = "category"
    FEATURE = "feature"


LIST = 10
"""Items that --list explains."""

STRONGEST = 3
"""Events that a line of a list names."""


def explain(
    run: RunName,
    user: User = None,
    events: Events = None,
    about: About = None,
    item: Annotated[str | None, typer.Option(metavar="ID", help="Item id; default: the top recommendation.")] = None,
    whole_list: Annotated[bool, typer.Option("--list", help="Explain the ten best items together.")] = False,
    instead_of: Annotated[
        str | None, typer.Option("--instead-of", metavar="ID", help="Why the item, and not this one?")
    ] = None,
    features: Annotated[
        bool, typer.Option("--features", help="Which of the things known decided it, of the items and of the user.")
    ] = False,
    without: Annotated[
        int | None,
        typer.Option("--without", metavar="K", min=1, help="Without which events would the item leave the top K?"),
    ] = None,
    held_out: HeldOut = False,
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Why an item scores as it does for a user, or for a new user: SHAP values of the events in the history."""
    answer = Answer(json)
    items, known = new_events(user, events, held_out), known_about(about, events)
    if whole_list and item is not None:
        raise typer.BadParameter("--list explains the ten best items; leave --item out.")
    if sum((whole_list, instead_of is not None, features, without is not None)) > 1:
        raise typer.BadParameter("give one of --list, --instead-of, --features and --without; each has its own answer.")
    view: engine.View = "evaluated" if held_out else "full"
    with answer.working():
        found = engine.load_run(run, runs_dir=runs)
        told = by_column(known, found)
        who = engine.NewUser(tuple(items), told) if user is None else user
        if whole_list:
            listed = engine.explain_list(found, who, k=LIST, view=view)
            answered = documents.attributions(listed, found), list_lines(listed)
        elif instead_of is not None:
            contrast = engine.explain_instead(found, who, item, instead_of, view=view)
            answered = documents.contrast(contrast, found), contrast_lines(contrast)
        elif features:
            taken = engine.explain_features(found, who, item, view)
            answered = documents.features(taken), feature_lines(taken)
        elif without is not None:
            undone = engine.explain_without(found, who, item, without, view)
            answered = documents.without(undone), without_lines(undone)
        else:
            given = (
                engine.explain_for(found, items, item_id=item, attributes=told)
                if user is None
                else engine.explain(found, user, item_id=item, view=view)
            )
            answered = documents.attribution(given, found), attribution_lines(given)
    answer.give(answered[0], *answered[1])


def explain_users(
    run: RunName,
    by: Annotated[By, typer.Option("--by", help="What values are put side by side by.")] = By.RECENCY,
    users: Annotated[int, typer.Option("--users", min=2, metavar="NUMBER", help="How many tested users to ask.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="NUMBER", help="Of the users and of the orders.")] = 0,
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """What moves the first recommendations of many users: by how recent an event is, by category, or by feature.

    Half of the users are of the tail. Kept in the run, so that it is worked out once.
    """
    answer = Answer(json)
    with answer.working(), ProgressView() as view:
        loaded = engine.load_run(run, runs_dir=runs)
        found = engine.explain_users(loaded, users, seed, view)
        settings = loaded.config.evaluation
        sizes = engine.value_sizes(
            engine.values_by(loaded, found, by.value), settings.bootstrap_samples, settings.confidence
        )
    answer.give(documents.value_sizes(found, sizes, by.value), *many_lines(found, sizes))


def many_lines(found: ExplainedUsers, sizes: pd.DataFrame) -> list[Table | Text]:
    """One row a group, head and tail users side by side."""
    columns = ("head users", "tail users")
    made = tables.table("group", *columns, right=columns)
    cells = {(row["group"], row["cohort"]): row for row in sizes.to_dict("records")}
    for group in dict.fromkeys(sizes["group"].astype(str)):
        made.add_row(Text(group), *(_size(cells.get((group, cohort))) for cohort in ("head", "tail")))
    return [
        Text(f"What moves the first recommendations of {len(found.users):,} users", style="bold"),
        made,
        Text(
            "Mean absolute SHAP values in units of the score, over each user's values and then over users; below, "
            f"intervals over users. {found.n_evaluations:,} evaluations; {duration(found.seconds)}.",
            style="dim",
        ),
    ]


def _size(row: Any) -> str:
    if row is None:
        return "–"
    return f"{figure(row['size'])} (n = {row['n_users']:,})\n{tables.ends(row['low'], row['high'])}"


def attribution_lines(answer: Attribution) -> list[Table | Text]:
    """SHAP values by player, largest first, and the sum that they make."""
    from dashboard.text import causes as causes_text  # here, since `--help` shall not wait for it

    total = answer.base + sum(player.value for player in answer.players)
    rank = f", rank {answer.rank}" if answer.rank is not None else ""
    shares = " + ".join(f"{tables.MODEL_NAMES[name]} {share:.4f}" for name, share in answer.shares.items())
    return [
        Text.assemble("Why ", (answer.title, "bold"), f" ({answer.item_id}{rank}) for {_who(answer)}?"),
        Text(causes_text.of_score(answer)),
        _players(answer.players, answer.exact, "adds to the score"),
        Text(f"base {answer.base:.4f} + events {total - answer.base:+.4f} = score {answer.score:.4f}"),
        *([Text(f"score {answer.score:.4f} = {shares}")] if answer.model == "ensemble" else []),
        _how(answer, "score"),
    ]


def list_lines(answers: Sequence[Attribution]) -> list[Table | Text]:
    """Each item of a list with the events that move it most."""
    made = tables.table("rank", "item", "title", "base", "score", "moved most by", right=("rank", "base", "score"))
    for answer in answers:
        strongest = sorted(answer.players, key=lambda player: -abs(player.value))[:STRONGEST]
        moved = "\n".join(f"{player.value:+.3f} {player_title(player)}" for player in strongest)
        cells = (str(answer.rank), answer.item_id, answer.title, f"{answer.base:.3f}", f"{answer.score:.3f}", moved)
        made.add_row(*(Text(cell) for cell in cells))
    return [Text.assemble("Why these ", (str(len(answers)), "bold"), f" for {_who(answers[0])}?"), made,
            _how(answers[0], "scores")]  # fmt: skip


def contrast_lines(given: Contrast) -> list[Table | Text]:
    """SHAP values of the difference of two items' scores."""
    from dashboard.text import causes as causes_text, explain as explain_text

    first, second = given.first, given.second
    moved = sum(player.value for player in given.players)
    return [
        Text.assemble("Why ", (first.title, "bold"), " and not ", (second.title, "bold"), f" for {_who(first)}?"),
        Text(f"{explain_text.contrast(given)} {causes_text.of_difference(given, explain_text.difference(given))}"),
        _players(given.players, first.exact, "adds to the difference"),
        Text(
            f"bases {first.base - second.base:+.4f} and events {moved:+.4f} = scores {first.score:.4f} − "
            f"{second.score:.4f} = {first.score - second.score:+.4f}"
        ),
        _how(first, "difference, its errors paired order by order"),
    ]


def feature_lines(given: FeatureAttribution) -> list[Table | Text]:
    """SHAP values by feature, largest first, and the sum that they make."""
    from dashboard.text.shown import shown

    numbers = ("adds to the score", "± standard error")
    made = tables.table("of", "feature", "known", *numbers, right=numbers)
    for feature in sorted(given.features, key=lambda feature: -abs(feature.value)):
        name = tables.MODEL_NAMES[feature.name] if feature.of == "member" else feature.name
        error = "exact" if given.exact else figure(feature.spread)
        cells = (feature.of, name, shown(feature.content), f"{feature.value:+.4f}", error)
        made.add_row(*(Text(cell) for cell in cells))
    rank = f", rank {given.rank}" if given.rank is not None else ""
    return [
        Text.assemble("What gives ", (given.title, "bold"), f" ({given.item_id}{rank}) its score?"),
        made,
        Text(f"base {given.base:.4f} + features {given.score - given.base:+.4f} = score {given.score:.4f}"),
        Text(
            "An absent part of the items is their mean, in the history and in the item scored; an absent attribute of "
            "the user is unknown.",
            style="dim",
        ),
    ]


def without_lines(given: Counterfactual) -> list[Table | Text]:
    """The events without which an item leaves its list, and what follows."""
    proof = "proven smallest" if given.proven else "the smallest found"
    if not given.events:
        proof = "every set was tried" if given.proven else "not every set was tried"
        text = f"No set of events was found without which it leaves the top {given.k} ({proof})."
        return [Text.assemble((given.title, "bold"), f" ({given.item_id}, rank {given.rank})"), Text(text)]
    made = tables.table("#", "event", "title", right=("#",))
    for event in given.events:
        made.add_row(str(event.position), Text(event.item_id), Text(event.title))
    new = ", ".join(f"{place.title} ({place.item_id}, rank {place.rank})" for place in given.replaced_by) or "nothing"
    return [
        Text.assemble(
            f"Without these {len(given.events)} of {given.n_events:,} events, ",
            (given.title, "bold"),
            f" ({given.item_id}, rank {given.rank}) would leave the top {given.k}",
        ),
        made,
        Text(f"Hidden at their places: rank {given.rank_hidden:,}. Had they never happened: {given.rank_deleted:,}."),
        Text(f"New in the list: {new}."),
        Text(f"{proof.capitalize()}; {given.n_evaluations:,} sets scored against the whole catalogue.", style="dim"),
    ]


def _players(players: Sequence[Player], exact: bool, adds: str) -> Table:
    """One row a player, largest first."""
    made = tables.table("#", "event", adds, "± standard error", right=("#", adds, "± standard error"))
    for player in sorted(players, key=lambda player: -abs(player.value)):
        position = "–" if player.position is None else str(player.position)
        error = "exact" if exact else figure(player.spread)
        made.add_row(position, Text(player_title(player)), f"{player.value:+.4f}", error)
    return made


def _who(answer: Attribution) -> str:
    return "a new user" if answer.user_id is None else f"user {answer.user_id}"


def _how(answer: Attribution, what: str) -> Text:
    """How the values were found, and what an absent event is."""
    absent = "is masked at its place" + (
        "" if answer.model == "transformer" else " or, for EASE and item kNN, left out"
    )
    return Text(
        f"SHAP values of the {what} ({'exact' if answer.exact else 'sampled orders'}, {answer.n_evaluations:,} "
        f"evaluations); an absent event {absent}.",
        style="dim",
    )
