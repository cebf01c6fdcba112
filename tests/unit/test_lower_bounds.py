"""What pyproject.toml allows: a lowest version of each dependency, and what is installed and pinned within it."""

from __future__ import annotations

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lower_bounds import HELD, ROOT, lowest, pinned

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"]]


@pytest.mark.parametrize("needed", REQUIREMENTS, ids=lambda r: r.name)
def test_what_is_installed_and_pinned_is_allowed(needed: Requirement) -> None:
    assert needed.specifier.contains(version(needed.name))
    assert needed.specifier.contains(pinned()[needed.name])
    assert Version(lowest()[needed.name]) <= Version(pinned()[needed.name])


def test_what_fails_is_not_allowed() -> None:
    """Seen by `make lower-bounds`: pages fail before Streamlit 1.67, cleaning before pandera 0.31, parts of a log with
    pyarrow 18, and Streamlit itself with Starlette 0.40."""
    allowed = {needed.name: needed.specifier for needed in REQUIREMENTS}
    broken = {"streamlit": "1.66.0", "pandera": "0.30.1", "pyarrow": "18.1.0", "starlette": "0.45.3", "typer": "0.15.4"}
    assert [name for name, at in broken.items() if allowed[name].contains(at)] == []


def test_constraints_name_every_dependency_once() -> None:
    assert set(lowest()) == {needed.name for needed in REQUIREMENTS}
    assert set(HELD) <= set(pinned())
