"""The one place for column names: ours, the usual ones of other data sets, and the schemas of clean tables.

Derived columns carry a double underscore, so that tables for people can leave them out: `<column>__missing` (bool; only
where something was missing and imputed) and `<column>__z` (numeric, standardised to mean 0 and deviation 1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import pandera.pandas as pa

USER_ID = "user_id"
ITEM_ID = "item_id"
TIMESTAMP = "timestamp"
RATING = "rating"
TITLE = "title"
CATEGORY = "category"
ATTRIBUTES = "attributes"
LINE = "line"
"""1-based line number in the file (row number in Parquet) of a raw row."""

MISSING_SUFFIX = "__missing"
SCALED_SUFFIX = "__z"
UNKNOWN = "unknown"
"""What a missing text attribute becomes."""
LIST_SEPARATOR = "|"
"""Between the values of a `category` or `attributes` text: "Animation|Comedy"."""

ROLES = (USER_ID, ITEM_ID, TIMESTAMP, RATING)
"""The columns of interactions, in order."""

SETTING_OF_ROLE = {USER_ID: "user", ITEM_ID: "item", TIMESTAMP: "time", RATING: "rating"}
"""The field of DataConfig, and the option of the command line, that names a role's column."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


USUAL_NAMES: dict[str, tuple[str, ...]] = {
    USER_ID: _words(
        "user_id user uid userid users customer_id customer cust_id client_id client member_id member account_id "
        "account visitor_id reviewer_id reviewer buyer_id person_id subscriber_id household_id household_key reader_id "
        "player_id student_id learner_id listener_id viewer_id user_name username session_id session"
    ),
    ITEM_ID: _words(
        "item_id item iid items movie_id movie film_id product_id product article_id article asin parent_asin "
        "book_id isbn song_id track_id video_id content_id course_id game_id news_id post_id recipe_id business_id "
        "venue_id poi_id location_id anime_id artist_id app_id show_id stock_code sku goods_id good_id aid"
    ),
    TIMESTAMP: _words(
        "timestamp time_stamp unix_review_time unix_time event_time event_timestamp time datetime date_time date ts "
        "created_at created rated_at purchased_at viewed_at watched_at played_at order_date purchase_date review_date "
        "review_time invoice_date event_date t_dat"
    ),
    RATING: _words("rating ratings user_rating stars star_rating score overall review_score rate"),
}
"""For each role, usual column names, the most likely first; compared without case, spaces and punctuation."""

USUAL_SESSIONS = _words(
    "session_id session user_session user_session_id sess_id visit_id basket_id cart_id invoice_no order_id"
)
"""Names of columns that divide a user's events into sessions; any of them may stand for users instead."""

USUAL_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    TITLE: _words("title movie_title item_title product_title book_title name product_name item_name movie_name"),
    CATEGORY: _words("category categories genre genres class main_category product_category item_category"),
}
"""For each known attribute of items, its usual names, the most likely first."""


def plain_name(column: str) -> str:
    """A column's name without case, spaces and punctuation, for comparison: "Movie ID", "movieId" -> "movieid"."""
    return re.sub(r"[\W_]+", "", column).casefold()


def find_column(columns: list[str], usual: tuple[str, ...] | list[str]) -> str | None:
    """The column with the most likely of the usual names; None when there is none."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(plain_name(column), column)
    for name in usual:
        if (found := by_name.get(plain_name(name))) is not None:
            return found
    return None


_LANGUAGES = frozenset(
    _words("en zh de fr es ja ko ru it pt ar nl pl tr sv da fi cs el he hi hu th uk vi ro bg fa cn jp kr")
)
_TWIN = re.compile(r"(?P<base>.*?[^\W_])(?:[\s_.(\[-]+(?P<apart>[A-Za-z]{2})|(?P<joined>[A-Z][a-zA-Z]))[)\]]?")


def language_twin(column: str, columns: list[str]) -> tuple[str, str] | None:
    """The column of which another is a translation, and the language: "Category zh" beside "category"."""
    found = _TWIN.fullmatch(column)
    if found is None:
        return None
    language = (found["apart"] or found["joined"]).casefold()
    base = find_column([c for c in columns if c != column], (found["base"],))
    return None if base is None or language not in _LANGUAGES else (base, language)


TEXT_COLUMNS = ("title", "description", "text", "summary", "abstract", "review", "name", "content", "plot")
"""Columns whose names begin with one of these, and end with one or with one of TEXT_ENDS, are read as text."""
TEXT_ENDS = ("body", "original", "short", "long", "full", "clean", "raw", "line", "note", "words")


def is_text(column: str, columns: list[str]) -> bool:
    """Whether a column's name says that it holds text: it ends in such a word, ignoring a language or number after it.

    "content_rating" and "name_of_brand" are a rating and a brand.
    """
    twin = language_twin(column, columns)
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column if twin is None else twin[0]))
    plain = [word.casefold() for word in words]
    return bool(plain) and plain[0].startswith(TEXT_COLUMNS) and plain[-1].startswith((*TEXT_COLUMNS, *TEXT_ENDS))


def display_columns(table: pd.DataFrame) -> list[str]:
    """The attributes of a user or item table to show people: no ids, nothing derived.

    >>> engine.display_columns(dataset.item_table)
    ['title', 'title_zh', 'category', 'price']
    >>> engine.display_columns(dataset.user_table)
    ['region', 'age_band']
    """
    return [str(c) for c in table.columns if c not in (USER_ID, ITEM_ID) and "__" not in str(c)]


def interactions_schema() -> pa.DataFrameSchema:
    """Clean interactions by index: `user_idx` >= 0, `item_idx` >= 1, and, where the log has them, times and ratings."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "user_idx": pa.Column("int32", pa.Check.ge(0)),
            "item_idx": pa.Column("int32", pa.Check.ge(1)),
            TIMESTAMP: pa.Column("int64", pa.Check.ge(0), required=False),
            RATING: pa.Column("float32", nullable=True, required=False),
        },
        strict=True,
    )


def attributes_schema(key: str) -> pa.DataFrameSchema:
    """A clean user or item table: unique ids under `key`, nothing missing, flags bool, `__z` columns finite numbers."""
    import pandera.pandas as pa

    def finite(values: pd.Series) -> pd.Series:
        return values.abs() < float("inf")

    return pa.DataFrameSchema(
        {
            key: pa.Column(str, unique=True, checks=pa.Check.str_length(min_value=1)),
            TITLE: pa.Column(str, required=False),
            CATEGORY: pa.Column(str, required=False),
            rf"^.+{MISSING_SUFFIX}$": pa.Column(bool, regex=True, required=False),
            rf"^.+{SCALED_SUFFIX}$": pa.Column(float, pa.Check(finite), regex=True, required=False),
        },
        checks=pa.Check(lambda table: not table.isna().any().any(), error="a clean table holds no missing value"),
        unique_column_names=True,
    )
