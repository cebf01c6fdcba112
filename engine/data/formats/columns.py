"""Which column is which: as the settings say, else guessed from usual names, with notes on what was guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.config import DataConfig
from engine.data.schema import (
    CATEGORY,
    ITEM_ID,
    ROLES,
    SETTING_OF_ROLE,
    TIMESTAMP,
    TITLE,
    USER_ID,
    USUAL_ATTRIBUTES,
    USUAL_NAMES,
    USUAL_SESSIONS,
    find_column,
    language_twin,
)
from engine.errors import DataError, Message


def map_interactions(path: Path, names: Sequence[str], config: DataConfig) -> tuple[dict[str, str], list[Message]]:
    """Which column plays which role in an interaction log.

    Args:
        path: the file, for messages.
        names: its columns.
        config: `user`, `item`, `time` and `rating` may name columns; with `no_time` no column holds times.

    Returns:
        Column of each role found (user_id and item_id always), and notes on what was guessed and what is left unused.

    Raises:
        DataError: a column that the settings name does not exist, or no column of users or items can be found.
    """
    chosen = {role: given for role in ROLES if (given := getattr(config, SETTING_OF_ROLE[role])) is not None}
    for role, given in chosen.items():
        if given not in names:
            raise DataError(
                "{path} has no column {given!r}; --{setting_of_role} must be one of its columns: {list}.",
                path=path,
                given=given,
                setting_of_role=SETTING_OF_ROLE[role],
                list=_list(names),
            )
    roles: dict[str, str] = {}
    notes: list[Message] = []
    for role in ROLES:
        if role == TIMESTAMP and config.no_time:
            continue
        if role in chosen:
            roles[role] = chosen[role]
            continue
        free = [n for n in names if n not in chosen.values() and n not in roles.values()]
        found = find_column(free, USUAL_NAMES[role])
        if found is not None:
            roles[role] = found
            if found != role:
                notes.append(Message("column {column!r} read as {role}", {"column": found, "role": role}))
    for role in (USER_ID, ITEM_ID):
        if role not in roles:
            option = SETTING_OF_ROLE[role]
            raise DataError(
                "{path} has no column with a usual name for {option}s; its columns are {list}. Say which it is "
                "with --{option} NAME (setting data.{option}). If the first line is no header, put one above it, "
                "such as user_id,item_id,timestamp.",
                path=path,
                option=option,
                list=_list(names),
            )
    if twice := [c for c in roles.values() if list(roles.values()).count(c) > 1]:
        raise DataError(
            "{path}: column {twice!r} is given two roles; name another column for one of them.",
            path=path,
            twice=twice[0],
        )
    unused = [n for n in names if n not in roles.values()]
    sessions = None if USER_ID in chosen else find_column(unused, USUAL_SESSIONS)
    if sessions is not None:
        values = {"session": sessions, "column": roles[USER_ID]}
        notes.append(
            Message(
                "column {session!r} names sessions beside the users of {column!r}; --user {session} makes each session "
                "a history of its own",
                values,
            )
        )
    if unused:
        notes.append(Message("columns of the log not used: {columns}", {"columns": _list(unused)}))
    return roles, notes


def map_attributes(
    path: Path, names: Sequence[str], key: str, given: str | None
) -> tuple[dict[str, str], list[Message]]:
    """New names for the columns of a user or item table: its key, and for items `title` and `category`.

    Args:
        path: the file, for messages.
        names: its columns.
        key: USER_ID or ITEM_ID.
        given: the settings' name for the key's column in the log; the same name is tried first here.

    Returns:
        Old to new names of the columns that change, and notes.

    Raises:
        DataError: no column holds the ids.
    """
    columns = list(names)
    key_column = given if given in columns else find_column(columns, (key, *USUAL_NAMES[key], "id"))
    if key_column is None:
        raise DataError(
            "{path} has no column of ids; its columns are {list}. Name the one with the ids {key!r}.",
            path=path,
            list=_list(names),
            key=key,
        )
    renames = {key_column: key} if key_column != key else {}
    if key == ITEM_ID:
        free = [n for n in columns if n != key_column]
        for attribute in (TITLE, CATEGORY):
            found = find_column(free, USUAL_ATTRIBUTES[attribute])
            if attribute not in free and found is not None:
                renames[found] = attribute
        for column in free:
            twin = language_twin(column, columns)
            base = None if twin is None else renames.get(twin[0], twin[0])
            if twin is not None and base in (TITLE, CATEGORY) and column != f"{base}_{twin[1]}" not in free:
                renames[column] = f"{base}_{twin[1]}"
    if key_column != key and key in columns:  # the settings name another column of ids
        renames[key] = f"other {key}"
    notes = [
        Message("column {column!r} of {file} read as {role}", {"column": old, "file": path.name, "role": new})
        for old, new in renames.items()
    ]
    return renames, notes


def unused_settings(config: DataConfig, format_name: str) -> list[Message]:
    """Notes on column settings that a format without column names cannot use."""
    return [
        Message(
            "--{option} {given!r} is not used: {format} have no column names",
            {"option": option, "given": given, "format": format_name},
        )
        for option in SETTING_OF_ROLE.values()
        if (given := getattr(config, option)) is not None
    ]


def _list(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(n) for n in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
