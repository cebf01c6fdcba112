"""Every public name has an example, and every example of a docstring or of docs/python.md is true."""

from __future__ import annotations

import doctest
import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import engine
from tests.conftest import TINY_RUN, tiny_config

GUIDE = Path(__file__).parents[3] / "docs" / "python.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PARSER = doctest.DocTestParser()


def written_here(name: str) -> str:
    """The docstring of a public function or class of ours; "" for what has none of its own, such as a type alias."""
    value = getattr(engine, name)
    return (inspect.getdoc(value) or "") if inspect.isclass(value) or inspect.isfunction(value) else ""


def example(text: str) -> str:
    """The code of the examples in a text, without what they give."""
    return "".join(part.source for part in PARSER.get_examples(text))


EXAMPLES = {name: code for name in engine.__all__ if (code := example(written_here(name)))}
"""The code of each docstring that has examples, by public name."""


def named(text: object) -> set[str]:
    """The public names in an annotation."""
    return set(re.findall(r"\w+", str(text))) & set(engine.__all__)


def parts_of(name: str) -> set[str]:
    """The public types that a type is made of, or that a function returns, at any depth; a type is part of itself."""
    value, found = getattr(engine, name), set[str]()
    waiting = {name} if inspect.isclass(value) else named(value.__annotations__.get("return"))
    while waiting:
        found.add(part := waiting.pop())
        fields = getattr(getattr(engine, part), "__dataclass_fields__", {})
        waiting |= {other for field in fields.values() for other in named(field.type)} - found
    return found


def fields_of(name: str) -> set[str]:
    return set(getattr(getattr(engine, name), "__dataclass_fields__", {}))


def shown_by_field() -> set[str]:
    """The types of which an example reads a field that no other part of what its function returns has."""
    shown = set[str]()
    for name, code in EXAMPLES.items():
        read, parts = set(re.findall(r"\.(\w+)", code)), parts_of(name)
        for part in parts:
            others = set[str]().union(*(fields_of(other) for other in parts - {part}))
            if read & (fields_of(part) - others):
                shown.add(part)
    return shown


@pytest.fixture(scope="module")
def place(tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory of our own, since some examples write into its run."""
    return shutil.copytree(tiny_run_dir, tmp_path_factory.mktemp("examples") / "runs")


@pytest.fixture(scope="module")
def loaded(place: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, place)


@pytest.fixture
def names(loaded: engine.Run, place: Path, tiny_log_dir: Path, tmp_path: Path) -> Mapping[str, Any]:
    """What examples may use; docs/python.md says so to its readers."""
    (tmp_path / "new").mkdir()
    return {
        "engine": engine,
        "np": np,
        "pd": pd,
        "Path": Path,
        "log": tiny_log_dir,
        "config": tiny_config(),
        "runs": place,
        "folder": tmp_path / "new",
        "run": loaded,
        "dataset": loaded.dataset,
        "evaluation": loaded.evaluation,
        "facts": engine.run_facts(loaded),
    }


def report(text: str, names: Mapping[str, Any], title: str) -> str:
    """What doctest says against the examples of a text; "" when all are true."""
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(PARSER.get_doctest(text, dict(names), title, None, 0), out=said.append)
    return "".join(said)


def test_every_public_function_and_error_has_an_example_of_its_own():
    own = {
        name
        for name in engine.__all__
        if inspect.isfunction(value := getattr(engine, name))
        or (inspect.isclass(value) and issubclass(value, Exception))
    }
    assert own - set(EXAMPLES) == set()


def test_every_other_public_name_is_shown_by_an_example():
    texts = [GUIDE.read_text(encoding="utf-8"), *map(written_here, EXAMPLES)]
    code = [part.source + part.want for text in texts for part in PARSER.get_examples(text)]
    by_name = set(re.findall(r"\w+", "\n".join(code)))
    assert set(engine.__all__) - set(EXAMPLES) - by_name - shown_by_field() == set()


def test_the_guide_names_the_whole_facade():
    assert set(engine.__all__) - set(re.findall(r"\w+", GUIDE.read_text(encoding="utf-8"))) == set()


def test_no_example_is_skipped():
    texts = [GUIDE.read_text(encoding="utf-8"), *map(written_here, EXAMPLES)]
    assert [part.source for text in texts for part in PARSER.get_examples(text) if part.options] == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example(name: str, names: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert report(written_here(name), names, name) == ""


def test_examples_of_the_guide(names: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```.*$", "", GUIDE.read_text(encoding="utf-8"), flags=re.M)  # else a result would go on to there
    assert report(text, names, "python.md") == ""


def test_a_wrong_example_is_told(names: Mapping[str, Any]):
    assert "Expected:" in report(">>> run.name\n'another'\n", names, "wrong")
