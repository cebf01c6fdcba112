"""What `pip install tailscope-*.whl` gives: the command, the sample shop, the theme, both languages, and pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TINY_RUN
from tests.server_process import serving
from tests.websocket_client import Reader

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed, without what it needs, which is there."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves things beside what it builds
    names = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    ).stdout.split(b"\0")
    wanted = ("engine/", "dashboard/", "sample_data/", ".streamlit/", "pyproject.toml", "README.md", "LICENSE")
    files = [os.fsdecode(name) for name in names if name] or [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    for name in files:
        if name.startswith(wanted) and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = folder.glob("tailscope-*.whl")
    subprocess.run(
        [*PIP, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True, timeout=120
    )
    return folder / "site"


def run(installed: Path, *words: str) -> str:
    """What Python prints for these words, where nothing but the wheel is in sight."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    asked = [sys.executable, *words]
    return subprocess.run(
        asked, cwd=installed.parent, env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_the_sample_shop_comes_with_it(installed: Path) -> None:
    folder = run(installed, "-c", "from dashboard.cli.server_process import sample_data; print(sample_data())").strip()
    assert Path(folder).is_relative_to(installed)
    read = json.loads(run(installed, "-m", "dashboard.cli", "validate", folder, "--json"))
    here = json.loads(run(installed, "-m", "dashboard.cli", "validate", str(ROOT / "sample_data"), "--json"))
    assert read["users"] == here["users"]
    assert read["interactions"] == here["interactions"]


def test_a_report_can_be_made_from_it(installed: Path, tiny_run_dir: Path, tmp_path: Path) -> None:
    where = ("--runs", str(tiny_run_dir), "--output", str(tmp_path / "report.html"))
    run(installed, "-m", "dashboard.cli", "report", TINY_RUN, *where)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.fixture(scope="module")
def address(installed: Path, tiny_run_dir: Path) -> Iterator[str]:
    """Of a server that runs from the wheel."""
    with serving(
        tiny_run_dir, start=("-m", "dashboard.server"), env={"PYTHONPATH": str(installed)}, cwd=installed
    ) as url:
        yield url


def test_a_page_opens_in_both_languages_and_in_our_colours(address: str) -> None:
    colours = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    said = {}
    with Reader(address) as reader:
        for language in ("en", "zh"):
            reader.open("overview", f"run={TINY_RUN}&lang={language}")
            said[language] = reader.headline()
            assert reader.errors == []
        assert reader.colours == {name: colours[name]["primaryColor"] for name in ("light", "dark")}
    assert re.search("[a-z]", said["en"])
    assert re.search("[\u4e00-\u9fff]", said["zh"])
