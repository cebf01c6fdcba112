"""The server as others find it: what it answers to whom, that it calls nobody, and that it lasts."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import pytest
from websockets.exceptions import InvalidStatus

import engine
from dashboard.ui import unexpected
from tests.conftest import TINY_RUN
from tests.server_process import serving
from tests.websocket_client import Reader

FILES = 256  # that the server may have open, whatever it asks for
START = """
import os, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, {files}), {files}))
def hear(event, args):
    if event == "socket.connect":
        told = args[1][0] if isinstance(args[1], tuple) else "127.0.0.1"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        told = args[0]
    elif event in ("socket.sendto", "socket.sendmsg"):
        told = args[1][0] if isinstance(args[1], tuple) else "127.0.0.1"
    else:
        return
    if str(told) not in ("127.0.0.1", "::1", "localhost", "None"):
        with open({calls!r}, "a") as file:
            file.write(f"{{event}} {{told}}\\n")
sys.addaudithook(hear)
from dashboard import server
from dashboard.cache import runs as cache
whole = cache.runs
def runs():
    if Path({broken!r}).exists():
        raise ZeroDivisionError("planted")
    return whole()
cache.runs = runs
server.main()
"""


@dataclass
class Served:
    """A server, and what it leaves behind."""

    url: str
    runs: Path
    errors: Path
    calls: Path
    broken: Path

    def ask(self, path: str = "/", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlparse(self.url).netloc, timeout=20)
        connection.putrequest("GET", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over no runs, that may have few files open and whose calls to elsewhere are written down."""
    folder = tmp_path_factory.mktemp("server")
    runs = folder / "runs"
    runs.mkdir()
    errors, calls, broken = folder / "errors", folder / "calls", folder / "broken"
    start = START.format(files=FILES, calls=str(calls), broken=str(broken))
    with serving(runs, errors, ("-c", start)) as url:
        yield Served(url, runs, errors, calls, broken)


def test_a_page_of_another_origin_is_refused_and_nobody_elsewhere_is_asked(served: Served) -> None:
    start = time.monotonic()
    with pytest.raises(InvalidStatus, match="403"):
        Reader(served.url, origin="https://elsewhere.example")
    assert time.monotonic() - start < 5
    with Reader(served.url) as reader:
        reader.open("overview")
        assert reader.headline()
    assert not served.calls.exists(), served.calls.read_text()


@pytest.mark.parametrize(
    "path", ["/", "/overview", "/_stcore/health", "/_stcore/host-config", "/favicon.png", "/media/x"]
)
def test_every_answer_says_what_browsers_may_do_with_it(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert all(len(answer.headers.get_all(name) or ()) == 1 for name in ("X-Frame-Options", "X-Content-Type-Options"))


@pytest.mark.parametrize("path", ["/", "/overview", "/_stcore/health", "/media/x"])
@pytest.mark.parametrize(
    "host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "127.0.0.1@elsewhere.example", "", "["]
)
def test_a_name_that_is_not_ours_gets_nothing_over_plain_http(served: Served, path: str, host: str) -> None:
    answer = served.ask(path, Host=host)
    assert answer.status in (400, 421)
    assert b"<html" not in answer.read()


def test_one_of_our_names_is_answered_whatever_the_port(served: Served) -> None:
    assert [served.ask("/", Host=host).status for host in ("localhost:1", "LOCALHOST", "127.0.0.1:80")] == [200] * 3


def test_readers_who_come_and_go_leave_room_for_the_next(served: Served) -> None:
    """At four open files a session, and with Streamlit's patience of minutes, the sixtieth would find no room."""
    for _number in range(FILES // 2):
        with Reader(served.url, patience=20) as reader:
            reader.open("overview")
            assert reader.headline()


def test_a_page_that_breaks_says_so_calmly_and_is_written_down(served: Served) -> None:
    served.broken.touch()
    try:
        with Reader(served.url) as reader:
            for lang, calm in (("en", "something went wrong inside Tailscope"), ("zh", "Tailscope 内部出错")):
                reader.open("overview", f"lang={lang}")
                said = " ".join(node.shown.body for node in reader.nodes("alert"))
                assert calm in said
                assert "ZeroDivisionError" in said
                assert "planted" not in said
                assert not reader.nodes("exception")
    finally:
        served.broken.unlink()
    kept = (served.runs / unexpected.LOG).read_text()
    assert "ZeroDivisionError: planted" in kept
    assert "Traceback" in kept
    assert "ZeroDivisionError: planted" in served.errors.read_text()


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one(served: Served) -> None:
    """It was started with 64, with which the crowd above would have found no room at all."""
    with contextlib.ExitStack() as stack:
        for _number in range(20):
            reader = stack.enter_context(Reader(served.url, patience=20))
            reader.open("overview")
            assert reader.headline()


def test_a_file_of_more_than_a_megabyte_arrives(served: Served, tiny_run_dir: Path) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, served.runs / TINY_RUN)
    run = engine.load_run(TINY_RUN, served.runs)
    rows = "".join(f"{user},i{rank:02d},{rank}\n" for user in run.dataset.users.ids for rank in range(1, 11))
    content = ("user_id,item_id,rank\n" + rows).encode() + b"somebody else,i01,1\n" * 60_000
    assert len(content) > 1_100_000
    with Reader(served.url) as reader:
        end = time.monotonic() + 20
        reader.open("head-vs-tail")
        while not reader.nodes("file_uploader") and time.monotonic() < end:  # runs are looked up now and then
            time.sleep(0.5)
            reader.again()
        reader.upload(reader.find("file_uploader", "own_lists"), "large.csv", content)
        assert [node.shown.body for node in reader.nodes("alert")] == []
        assert "own_cohorts" in {node.key for node in reader.nodes("plotly_chart")}
        assert not reader.errors
