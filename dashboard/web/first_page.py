"""The page that a browser loads first, which is Streamlit's, with a script of ours at its head."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SCRIPT = Path(__file__).parents[1] / "elements" / "history.js"
_HEAD = b"<head>"
_ASKED_OTHERWISE = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range")
"""Headers by which a browser asks for the page packed, in part, or only if its file has changed."""
_TOLD_OF_THE_FILE = (b"content-length", b"etag", b"last-modified", b"accept-ranges")


class Shell:
    """An application behind which another one answers; its pages get the script.

    It has to be there before Streamlit's own, which writes the first address: a component comes too late.

    Args:
        app: the other one.
    """

    def __init__(self, app: Application) -> None:
        """See the class."""
        self._app = app
        self._script = b"<script>" + SCRIPT.read_bytes() + b"</script>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http" or scope["method"] != "GET" or not is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _ASKED_OTHERWISE]
        begun: list[Message] = []
        body: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.append(message.get("body", b""))
            if not message.get("more_body", False):
                start, whole = self._with_script(begun[0], b"".join(body))
                await send(start)
                await send({"type": "http.response.body", "body": whole})

        await self._app({**scope, "headers": headers, "extensions": {}}, receive, keep)

    def _with_script(self, start: Message, body: bytes) -> tuple[Message, bytes]:
        kind = dict(start["headers"]).get(b"content-type", b"")
        if not kind.startswith(b"text/html") or _HEAD not in body:
            return start, body
        body = body.replace(_HEAD, _HEAD + self._script, 1)
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in _TOLD_OF_THE_FILE]
        return {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}, body


def is_page(path: str) -> bool:
    """Whether an address may be that of a page: neither a file nor one of Streamlit's own ways."""
    return "/_stcore" not in path and "." not in path.rpartition("/")[2]
