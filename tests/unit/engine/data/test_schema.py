"""Column names: what people see, and what clean tables promise."""

from __future__ import annotations

import pandas as pd
import pandera.errors
import pytest

from engine.data.schema import (
    USUAL_NAMES,
    attributes_schema,
    display_columns,
    find_column,
    interactions_schema,
    plain_name,
)


def test_a_person_sees_no_ids_and_nothing_derived() -> None:
    table = pd.DataFrame(columns=["item_id", "title", "title_zh", "price", "price__missing", "price__z"])
    assert display_columns(table) == ["title", "title_zh", "price"]


@pytest.mark.parametrize("column", ["movieId", "Movie ID", "movie_id", "MOVIE-ID"])
def test_names_are_compared_without_case_and_punctuation(column: str) -> None:
    assert find_column(["x", column], ("item_id", "movie_id")) == column


def test_the_likeliest_name_wins_whatever_the_order_of_columns() -> None:
    assert find_column(["date", "timestamp"], USUAL_NAMES["timestamp"]) == "timestamp"
    assert find_column(["x"], USUAL_NAMES["timestamp"]) is None


def test_no_usual_name_stands_for_two_roles() -> None:
    names = [plain_name(name) for role in USUAL_NAMES.values() for name in {plain_name(n): n for n in role}.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "table",
    [
        {"item_id": ["a", "a"]},
        {"item_id": ["a", ""]},
        {"item_id": ["a", "b"], "title": ["x", None]},
        {"item_id": ["a", "b"], "price__z": [0.0, float("inf")]},
        {"item_id": ["a", "b"], "price__missing": ["no", "yes"]},
        {"title": ["x", "y"]},
    ],
)
def test_a_table_that_is_not_clean_is_found_out(table: dict) -> None:
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        attributes_schema("item_id").validate(pd.DataFrame(table))


def test_padding_is_no_interaction() -> None:
    rows = pd.DataFrame({"user_idx": [0], "item_idx": [0]}, dtype="int32")
    with pytest.raises(pandera.errors.SchemaError, match="item_idx"):
        interactions_schema().validate(rows)
