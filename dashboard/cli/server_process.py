"""Starts the dashboard's web server as a process of its own and stays until it ends."""

from __future__ import annotations

import http.client
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from dashboard.web import kinship, open_files
from engine import EngineError

PACKAGE = Path(__file__).resolve().parents[1]
"""The dashboard's own folder, which holds the sample shop too; in a checkout as links to `sample_data/`."""

START_SECONDS = 60

FEW_READERS = 200
"""Room for fewer at once is worth a remark."""


def sample_data() -> Path:
    """The folder of the sample shop.

    Raises:
        EngineError: this installation has none.
    """
    folder = PACKAGE / "sample_shop"
    if (log := folder / "interactions.csv").is_file():
        return log.resolve().parent
    raise EngineError(
        "There is no sample data at {folder}: this installation is not whole; install it again, or use your own log: "
        "`tailscope train PATH`, then `tailscope serve`.",
        folder=folder,
    )


def require_free(address: str, port: int) -> None:
    """Return when a server may listen there.

    Raises:
        EngineError: the port is taken or the address is not this machine's.
    """
    try:
        kind, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # a port in TIME_WAIT is free; elsewhere the option would mean something else
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise EngineError(
            "Cannot listen on {address} port {port} ({strerror}). If a dashboard is open there, it is at "
            "{url_of}; else choose another port: --port {port_2}.",
            address=address,
            port=port,
            strerror=error.strerror or error,
            url_of=url_of(address, port),
            port_2=port + 1 if port < 65535 else 8501,
        ) from None


def url_of(address: str, port: int) -> str:
    """The address to open in a browser; a wildcard address is reached by the loopback one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(runs: Path, address: str, port: int, open_browser: bool, on_ready: Callable[[str], None]) -> int:
    """Serve the dashboard over a folder of runs until it is stopped; returns the server's exit code, 0 after Ctrl-C.

    Args:
        runs: the folder of runs.
        address: interface to listen on.
        port: port to listen on.
        open_browser: open a browser once the server answers, where there is a screen.
        on_ready: called with the address to open as soon as the server answers.

    Raises:
        EngineError: the port is taken, or the server ends before it answers.
    """
    require_free(address, port)
    command = [sys.executable, "-m", "dashboard.server", *_flags(address, port)]
    # Streamlit looks for .streamlit/config.toml in the folder that it starts in, so it starts at home.
    # Its own talk goes to standard error, which leaves standard output to the answer.
    server = kinship.start(command, PACKAGE.parent, {**os.environ, "TAILSCOPE_RUNS": str(runs.resolve())})
    before = {
        number: signal.signal(number, _leave) for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if number
    }
    try:
        _wait_until_ready(server, address, port)
        url = url_of(address, port)
        on_ready(url)
        if open_browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(server)
        for ending, handler in before.items():
            signal.signal(ending, handler)


def _flags(address: str, port: int) -> list[str]:
    """Streamlit's flags; what is not said here is in .streamlit/config.toml."""
    flags = [
        f"--server.address={address}",
        f"--server.port={port}",
        "--server.headless=true",  # no question about an e-mail address at the first start
        "--browser.gatherUsageStats=false",
        "--logger.level=warning",
    ]
    if address in ("0.0.0.0", "::"):  # whoever opens it to the network is reached by names that we cannot know
        flags.append("--server.allowedHosts=*")
    elif address not in ("127.0.0.1", "localhost"):
        flags.append(f"--server.allowedHosts={address}")
    return flags


def caution(address: str, port: int) -> list[str]:
    """What whoever serves at this address should know before anybody comes; nothing on this machine's own."""
    said = []
    if not _is_loopback(address):
        said.append(
            f"{address} is open to the network, and the dashboard knows no passwords: whoever reaches port {port} of "
            "this machine sees every run with its users, and can save and delete groups. Serve on 127.0.0.1 (the "
            "default) and put a proxy with a login in front, unless the network is yours alone."
        )
    room = open_files.readers_at_once(open_files.raise_limit())
    if room is not None and room < FEW_READERS:
        said.append(
            f"This system lets a process open so few files that about {room} readers find room at once; "
            "raise the limit (ulimit -n 4096) for more."
        )
    return said


def _is_loopback(address: str) -> bool:
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(where[0]).partition("%")[0]).is_loopback for *_, where in found)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # through `finally`, so that the server ends too


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, port: int) -> None:
    host = url_of(address, port).removeprefix("http://").rpartition(":")[0].strip("[]")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise EngineError(
                "The dashboard's server stopped immediately (exit code {returncode}); its output is above.",
                returncode=server.returncode,
            )
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.1)
    raise EngineError(
        "The dashboard's server gave no answer at {url_of} within {start_seconds} s.",
        url_of=url_of(address, port),
        start_seconds=START_SECONDS,
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _has_screen() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return "SSH_CONNECTION" not in os.environ
