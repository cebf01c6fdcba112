"""Errors carry a template and its values, so that a user interface can word them in another language."""

from __future__ import annotations

import pickle

from engine.errors import DataError, Message


def test_an_error_reads_as_its_template_filled_in() -> None:
    error = DataError("{column!r} has {n:,} gaps; {way_out}", column="price", n=1234, way_out=Message("drop it"))
    assert str(error) == "'price' has 1,234 gaps; drop it"
    assert error.message.template == "{column!r} has {n:,} gaps; {way_out}"


def test_braces_of_a_message_without_values_and_of_values_stay_as_they_are() -> None:
    assert str(DataError('line 1: {"a": 1}')) == 'line 1: {"a": 1}'
    assert str(DataError("line 1: {text}", text="{0.__class__}")) == "line 1: {0.__class__}"


def test_an_error_comes_back_whole_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("user {user}", user="u1")))  # noqa: S301
    assert (str(error), error.message) == ("user u1", Message("user {user}", {"user": "u1"}))
