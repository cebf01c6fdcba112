"""The three layouts of GroupLens' MovieLens sets, without the header lines that two of them lack.

Sources: the README files of MovieLens 100K (u.data, u.item, u.user) and MovieLens 1M (ratings.dat, movies.dat,
users.dat).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from engine.data.formats.delimited import UNIT_SEPARATOR, Delimited, open_delimited
from engine.data.formats.files import read_text
from engine.data.schema import CATEGORY, ITEM_ID, LIST_SEPARATOR, RATING, TIMESTAMP, TITLE, USER_ID

LOGS = ("u.data", "ratings.dat", "ratings.csv")
TEXT_COLUMNS = frozenset({TITLE, CATEGORY, "release_date", "imdb_url", "gender", "occupation", "zip_code"})

# fmt: off
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)
OCCUPATIONS = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service",
    "doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer",
    "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman",
    "unemployed", "writer",
)
# fmt: on
_FLAG = "genre "
_NO_GENRES = "(no genres listed)"

_LOG = (USER_ID, ITEM_ID, RATING, TIMESTAMP)
_FILMS_100K = (ITEM_ID, TITLE, "release_date", "video_release_date", "imdb_url", *(_FLAG + g for g in GENRES))
_USERS_100K = (USER_ID, "age", "gender", "occupation", "zip_code")
_FILMS_1M = (ITEM_ID, TITLE, CATEGORY)
_USERS_1M = (USER_ID, "gender", "age", "occupation", "zip_code")


def open_folder(log: Path, given: Collection[str] = ()) -> tuple[Delimited, Delimited | None, Delimited | None]:
    """The log, the users and the films of a MovieLens folder; None for a file that does not exist.

    Args:
        log: `u.data`, `ratings.dat` (fields separated by `::`) or `ratings.csv`, perhaps gzipped.
        given: column names that the settings give.

    Raises:
        DataError: a file cannot be read.
    """
    name = log.name.lower().removesuffix(".gz")
    if name == "u.data":
        return (
            Delimited(log, _LOG, read_text(log).data, "\t", quoting=False),
            _bare(_beside(log, "u.user"), _USERS_100K, "|"),
            _bare(_beside(log, "u.item"), _FILMS_100K, "|"),
        )
    if name == "ratings.csv":
        films = _beside(log, "movies.csv")
        return open_delimited(log, read_text(log), given=given), None, films and open_delimited(films, read_text(films))
    ratings = _bare(log, _LOG, "::")
    assert ratings is not None
    return (
        ratings,
        _bare(_beside(log, "users.dat"), _USERS_1M, "::"),
        _bare(_beside(log, "movies.dat"), _FILMS_1M, "::"),
    )


def decode_films(films: pd.DataFrame) -> pd.DataFrame:
    """Films with their genre flags (1 or 0 a genre) as one `category` text, such as "Animation|Comedy"."""
    flags = [c for c in films.columns if str(c).startswith(_FLAG)]
    if flags:
        genres = pd.Series("", index=films.index, dtype="str")
        for flag in flags:
            genre = str(flag).removeprefix(_FLAG)
            word = "" if genre == "unknown" else genre
            genres = genres.where(films[flag].str.strip() != "1", genres + LIST_SEPARATOR + word)
        films = films.drop(columns=[*flags, "video_release_date"])  # the latter is blank throughout
        films = films.assign(**{CATEGORY: genres.str.strip(LIST_SEPARATOR)})
    if CATEGORY in films.columns:
        films = films.assign(**{CATEGORY: films[CATEGORY].where(films[CATEGORY].str.strip() != _NO_GENRES, "")})
    return films


def decode_users(users: pd.DataFrame) -> pd.DataFrame:
    """Users with MovieLens 1M's occupation numbers as words; other occupations as they are."""
    if "occupation" not in users.columns:
        return users
    words = {str(number): word for number, word in enumerate(OCCUPATIONS)}
    return users.assign(occupation=users["occupation"].map(lambda o: words.get(o, o)).astype("str"))


def _beside(log: Path, name: str) -> Path | None:
    paths = (log.with_name(name + ending) for ending in ("", ".gz"))
    return next((p for p in paths if p.exists()), None)


def _bare(path: Path | None, names: tuple[str, ...], delimiter: str) -> Delimited | None:
    """A file without a header, in UTF-8 or, as GroupLens wrote the older ones, latin-1."""
    if path is None:
        return None
    text = read_text(path, latin_1=True).data
    if delimiter == "::":
        text, delimiter = text.replace(b"::", UNIT_SEPARATOR), UNIT_SEPARATOR.decode()
    return Delimited(path, names, text, delimiter, quoting=False)
