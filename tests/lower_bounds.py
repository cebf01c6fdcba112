"""The lowest version of each dependency that pyproject.toml allows, as constraints for pip; torch as it is pinned.

python tests/lower_bounds.py > lowest.txt

`make lower-bounds` installs these and runs a quick part of the tests with them.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HELD = ("torch",)
"""Tested in one version alone: an older one is a download of several gigabytes, and a build for the machine is found
by its exact version."""


def lowest() -> dict[str, str]:
    """Name -> lowest version allowed, of what the product depends on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, str] = {}
    for line in project["dependencies"]:
        name = re.match(r"[\w.-]+", line)
        bound = re.search(r">=\s*([\w.]+)", line)
        assert name, line
        assert bound, f"{line!r} has no lowest version"
        found[name.group().lower()] = bound.group(1)
    return found


def pinned() -> dict[str, str]:
    """Name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.strip().lower().replace("_", "-"): version.strip() for name, version in pairs}


if __name__ == "__main__":
    exact = lowest() | {name: pinned()[name] for name in HELD}
    print("\n".join(f"{name}=={version}" for name, version in exact.items()))
