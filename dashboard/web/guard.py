"""Before an answer: is it asked for by a name of ours? With it: what browsers may do with what they get."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.%]+\]|[a-z0-9._-]+)(:(?P<port>\d{1,5}))?", re.IGNORECASE)

REFUSAL = b"This server is not known by the name that it was asked for. Open it at the address that it printed.\n"

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",  # addresses hold ids of users
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Pages load, ask and send nothing anywhere else. Streamlit's own code is in line and made at run time.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self' {socket}data: blob:; worker-src 'self' blob:; frame-src 'self'; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
}


def stay_at_home() -> None:
    """Never ask a server elsewhere which address this machine has.

    Streamlit does when a page of another origin comes, in the loop that answers everybody, to learn whether that
    origin is this machine. Behind a proxy that is what its settings `browser.serverAddress` and
    `server.corsAllowedOrigins` are for.
    """
    from streamlit import net_util

    def nowhere() -> None:
        return None

    net_util.get_external_ip = nowhere
    net_util.get_internal_ip = nowhere


def host_name(host: str) -> str | None:
    """The name in a Host header, without its port; None where that is no host."""
    found = _HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    return found["name"].strip("[]").lower().rstrip(".")


def is_allowed(host: str | None, allowed: Sequence[str]) -> bool:
    """Whether a server that goes by the names `allowed` may be asked as `host`; no names allow any.

    Args:
        host: the Host header.
        allowed: names; "*" is any, "*.example.com" any below it.
    """
    if not allowed:
        return True
    name = host_name(host or "")
    if name is None:
        return False
    patterns = [pattern.strip().lower().rstrip(".").strip("[]") for pattern in allowed]
    return any(p in ("*", name) or (p.startswith("*.") and name.endswith(p[1:])) for p in patterns)


class Guard:
    """An application behind which another one answers.

    Args:
        app: the other one.
        allowed: the names that this server goes by; None takes Streamlit's setting `server.allowedHosts`, which
            Streamlit itself heeds for websockets alone.
        on_visit: called before a websocket is answered.
    """

    def __init__(
        self,
        app: Application,
        allowed: Sequence[str] | None = None,
        on_visit: Callable[[], object] = lambda: None,
    ) -> None:
        self.app = app
        self.allowed = allowed
        self.on_visit = on_visit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        host = hosts[0] if len(hosts) == 1 else None
        if not is_allowed(host, self._names()):
            return await _refuse(scope, send)
        if scope["type"] == "websocket":
            self.on_visit()
            return await self.app(scope, receive, send)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_headers(host, message)]}
            await send(message)

        return await self.app(scope, receive, answer)

    def _names(self) -> Sequence[str]:
        if self.allowed is not None:
            return self.allowed
        from streamlit import config

        return config.get_option("server.allowedHosts") or ()


def _headers(host: str | None, answer: Message) -> list[tuple[bytes, bytes]]:
    """What is added to an answer's headers; what it says itself stays."""
    said = {name.lower() for name, _value in answer.get("headers", ())}
    socket = f"ws://{host} wss://{host} " if host is not None and host_name(host) else ""  # older browsers want it
    return [
        (name.encode(), value.replace("{socket}", socket).encode("latin-1"))
        for name, value in HEADERS.items()
        if name.encode() not in said
    ]


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
