"""The script at the head of the page that a browser loads first."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dashboard.web.first_page import SCRIPT, Shell, is_page

PAGE = b"<!DOCTYPE html><html><head><title>Streamlit</title></head></html>"


def ask(path: str, method: str = "GET", kind: bytes = b"text/html; charset=utf-8", body: bytes = PAGE) -> Any:
    """What comes back through the shell: headers asked with, headers, body."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"etag", b'"1"')]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:10], "more_body": True})
        await send({"type": "http.response.body", "body": body[10:]})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asked = [(b"accept-encoding", b"gzip"), (b"if-none-match", b'"1"'), (b"cookie", b"a=b")]
    scope = {"type": "http", "method": method, "path": path, "headers": asked}
    with ThreadPoolExecutor(1) as pool:  # a browser test before this one may leave its loop in the main thread
        pool.submit(lambda: asyncio.run(Shell(app)(scope, receive, send))).result()
    return seen, dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize("path", ["/", "/overview", "/base/head-vs-tail"])
def test_pages_get_the_script_before_any_other(path: str) -> None:
    asked, headers, body = ask(path)
    assert body == PAGE.replace(b"<head>", b"<head><script>" + SCRIPT.read_bytes() + b"</script>")
    assert headers[b"content-length"] == str(len(body)).encode()
    assert b"etag" not in headers  # it is the file's, which is not what was sent
    assert asked == [(b"cookie", b"a=b")]  # so that the page comes whole and unpacked


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/static/js/index.js", {}),
        ("/_stcore/health", {}),
        ("/overview", {"method": "HEAD"}),
        ("/overview", {"kind": b"application/json"}),
        ("/overview", {"body": b"no page at all"}),
    ],
)
def test_all_else_goes_through_as_it_is(path: str, options: dict[str, Any]) -> None:
    _asked, headers, body = ask(path, **options)
    assert body == options.get("body", PAGE)
    assert headers[b"content-length"] == str(len(body)).encode()


def test_a_page_is_neither_a_file_nor_one_of_the_servers_own_ways() -> None:
    assert [path for path in ("/", "/items", "/a.css", "/_stcore/stream", "/media/x.png") if is_page(path)] == [
        "/",
        "/items",
    ]
