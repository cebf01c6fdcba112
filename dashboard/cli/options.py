"""The options that several commands share, and the settings that they come to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import engine

RUNS = Path("runs")


class FoldsBy(StrEnum):
    """What a cross-validation cuts."""

    USERS = "users"
    TIME = "time"


class Preset(StrEnum):
    """What unset settings aim at."""

    DEFAULT = "default"
    BEST = "best"


def _folder_of_runs(given: Path) -> Path:
    """What --runs names, if runs can be there."""
    try:
        is_another = given.exists() and not given.is_dir()
    except OSError as error:  # a name too long, or within a folder that may not be read
        raise typer.BadParameter(f"--runs {given} cannot be read ({error.strerror}).") from None
    if is_another:
        raise typer.BadParameter(f"--runs {given} is a file; name a folder.")
    return given


RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run; `tailscope runs` lists them.")]
Log = Annotated[Path, typer.Argument(metavar="PATH", help="A log: a file or a folder.")]
RunsDir = Annotated[
    Path,
    typer.Option("--runs", metavar="DIR", envvar="TAILSCOPE_RUNS", help="Folder of runs.", callback=_folder_of_runs),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; all else goes to standard error.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting (model.d_model=128); repeatable."),
]
PresetName = Annotated[
    Preset | None, typer.Option("--preset", help="What unset settings aim at: a sound model soon, or the best one.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, metavar="NUMBER", help="Same seed, same weights.")]
UserColumn = Annotated[str | None, typer.Option("--user", metavar="COLUMN", help="Column of user ids.")]
ItemColumn = Annotated[str | None, typer.Option("--item", metavar="COLUMN", help="Column of item ids.")]
TimeColumn = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help="Column of times.")]
RatingColumn = Annotated[str | None, typer.Option("--rating", metavar="COLUMN", help="Column of ratings.")]
MinRating = Annotated[
    float | None, typer.Option("--min-rating", metavar="NUMBER", help="Ratings under this are no interaction.")
]
TimeFormat = Annotated[
    str | None,
    typer.Option(
        "--time-format",
        metavar="FORMAT",
        help="How times are written: as in strptime (%d/%m/%Y %H:%M), or day-first, milliseconds, years, …",
    ),
]
NoTime = Annotated[
    bool, typer.Option("--no-time", help="Leave times out: the order of the file is the order of each history.")
]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="User id, as in the data.")]
Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="ITEM,ITEM,…",
        help='A new user: the ids of their items, oldest first; "" for nothing at all. Instead of --user.',
    ),
]
About = Annotated[
    list[str] | None,
    typer.Option(
        "--about",
        metavar="COLUMN=VALUE",
        help="With --events: what is known of the new user, as in the users' table; may be given several times.",
    ),
]
HeldOut = Annotated[
    bool,
    typer.Option(
        "--held-out",
        help="Hide what the evaluation held out (the last event, or all after the cut); default: all are known.",
    ),
]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the dashboard.")]
Address = Annotated[str, typer.Option("--address", help="Interface to listen on; 0.0.0.0 opens it to the network.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser, where there is a screen.")]


def read_settings(
    config: Path | None,
    changes: list[str] | None,
    seed: int | None,
    user: str | None,
    item: str | None,
    time_column: str | None,
    rating: str | None,
    min_rating: float | None,
    preset: Preset | None = None,
    time_format: str | None = None,
    no_time: bool = False,
) -> engine.RunConfig:
    """The settings file, then --set, then the options that name a setting of their own."""
    columns = {"user": user, "item": item, "time": time_column, "rating": rating, "min_rating": min_rating}
    columns |= {"time_format": time_format, "no_time": no_time or None}
    named: dict[str, dict[str, Any]] = {"data": {key: value for key, value in columns.items() if value is not None}}
    training = {"seed": seed, "preset": preset and preset.value}
    named["training"] = {key: value for key, value in training.items() if value is not None}
    return engine.load_config(config, changes or ()).replace(named)


def known_about(about: list[str] | None, events: str | None) -> list[str]:
    """What --about tells, each COLUMN=VALUE."""
    if about and events is None:
        raise typer.BadParameter(
            "--about describes a new user: give --events too; users of the data have their own attributes."
        )
    pairs = [text.partition("=") for text in about or ()]
    if wrong := [column for column, equals, value in pairs if not (column.strip() and equals and value.strip())]:
        raise typer.BadParameter(f"--about {wrong[0]!r} must read COLUMN=VALUE, for example region=North.")
    return about or []


def by_column(about: Sequence[str], run: engine.Run) -> dict[str, str]:
    """The same by column, of which the run's may hold an equals sign themselves: the longest that fits is meant."""
    columns = engine.attributes_used(run) if about else {}
    known: dict[str, str] = {}
    for text in about:
        fitting = [column for column in columns if text.strip().startswith(f"{column}=")]
        column = max(fitting, key=len, default=text.partition("=")[0].strip())
        known[column] = text.strip()[len(column) :].lstrip().removeprefix("=").strip()
    return known


def new_events(user: str | None, events: str | None, held_out: bool) -> list[str]:
    """The item ids given to --events, read as a line of CSV; none where --user says who it is."""
    if (user is None) == (events is None):
        raise typer.BadParameter('give either --user ID or --events "ITEM,ITEM"; --events "" is an unknown user.')
    if events is not None and held_out:
        raise typer.BadParameter("--held-out hides an event of the data's users; with --events just leave it out.")
    items = next(csv.reader([events or ""], skipinitialspace=True), [])
    return [item.strip() for item in items if item.strip()]
