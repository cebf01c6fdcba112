"""The dashboard's server: starts from any folder, says where it is, and goes when it is told to."""

from __future__ import annotations

import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import dashboard
from dashboard import server
from dashboard.cli import server_process
from dashboard.web import open_files
from engine import EngineError


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_a_taken_port_is_named_with_a_way_out(port: int):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(EngineError, match=rf"port {port} .*--port {port + 1}"):
            server_process.require_free("127.0.0.1", port)
    server_process.require_free("127.0.0.1", port)


def test_what_is_loaded_stays_out_of_the_collectors_way() -> None:
    loaded: list[str] = []
    gc.unfreeze()
    try:
        server.prepare(lambda: loaded.append("run"))
        assert loaded == ["run"]
        assert gc.get_freeze_count() > 10_000  # this very test's packages
    finally:
        gc.unfreeze()
    with (Path(dashboard.__file__).parents[1] / ".streamlit" / "config.toml").open("rb") as file:
        assert tomllib.load(file)["runner"]["postScriptGC"] is False


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(EngineError, match=r"192\.0\.2\.1 port 8501"):
        server_process.require_free("192.0.2.1", 8501)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("::", "http://[::1]:80"),
        ("box.local", "http://box.local:80"),
    ],
)
def test_the_address_can_be_opened_in_a_browser(address: str, url: str):
    assert server_process.url_of(address, 80) == url


@pytest.mark.parametrize(
    ("address", "open_to_others"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True), ("10.0.0.7", True)],
)
def test_an_address_that_others_reach_is_warned_of(
    address: str, open_to_others: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "raise_limit", lambda: 4096)
    said = server_process.caution(address, 8502)
    assert len(said) == int(open_to_others)
    assert all("no passwords" in text and "8502" in text and address in text for text in said)


def test_little_room_for_readers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, room in ((256, ["about 32 readers"]), (1024, []), (None, [])):
        monkeypatch.setattr(open_files, "raise_limit", lambda files=files: files)
        said = server_process.caution("127.0.0.1", 8501)
        assert len(said) == len(room)
        assert all(part in text for part, text in zip(room, said, strict=True))


def test_missing_sample_data_says_where_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_process, "PACKAGE", tmp_path)
    with pytest.raises(EngineError, match=r"sample_shop.*tailscope train PATH"):
        server_process.sample_data()


def test_sample_data_is_found():
    assert (server_process.sample_data() / "README.md").exists() or any(server_process.sample_data().iterdir())


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_serve_from_any_folder_then_end_with_the_server(tmp_path: Path, port: int, ending: signal.Signals):
    """`tailscope serve` prints its address once the server answers; ending it in any way leaves no server behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.cli", "serve", "--runs", "shop runs", "--port", str(port), "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(server_process.PACKAGE.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        document = ""
        while not document.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            document += line
        assert json.loads(document) == {"url": f"http://127.0.0.1:{port}", "runs": "shop runs"}
        assert answers(port)
    finally:
        process.send_signal(ending)
        rest, _ = process.communicate(timeout=20)
    assert rest == ""
    deadline = time.monotonic() + 10
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(port)


@pytest.mark.parametrize(
    ("address", "hosts"),
    [("127.0.0.1", []), ("localhost", []), ("0.0.0.0", ["*"]), ("::", ["*"]), ("10.0.0.7", ["10.0.0.7"])],
)
def test_only_an_opened_address_accepts_other_names(address: str, hosts: list[str]):
    given = [flag.partition("=")[2] for flag in server_process._flags(address, 8501) if "allowedHosts" in flag]
    assert given == hosts
