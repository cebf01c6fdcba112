"""A reader without a browser: speaks Streamlit's protocol over a websocket, and keeps what a browser would show.

It does what Streamlit's front end does as far as a server can tell: elements are kept by their place and go when a run
leaves them out, widgets hold values that are sent with every run, presses are sent once, a widget in a fragment runs
that fragment alone, and a change of page takes along only the widgets that the main script draws.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlparse

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Block_pb2 import Block
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

Widget = Any
"""An element's or a block's own message: a Selectbox, a Button, an Expandable."""


@dataclass
class Node:
    """A place on the page.

    Attributes:
        kind: of the element or block, such as "selectbox" or "expandable".
        shown: its message.
        run: the script's run that drew it last.
        fragment: the fragment that drew it; empty for none.
        script: the hash of the page that drew it, or of the main script.
        children: places inside it.
    """

    kind: str = ""
    shown: Any = None
    run: str = ""
    fragment: str = ""
    script: str = ""
    children: dict[int, Node] = field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        """This place and all inside it, from the top."""
        yield self
        for _place, child in sorted(self.children.items()):
            yield from child.walk()

    @property
    def id(self) -> str:
        """The widget's id; empty where it is none."""
        return str(getattr(self.shown, "id", "") or "")

    @property
    def key(self) -> str:
        """The key that the page gave the widget; empty where it gave none."""
        key = self.id.rpartition("-")[2] if self.id.count("-") >= 2 else ""
        return "" if key == "None" else self.id.split("-", 2)[2] if key else ""


class Gone(Exception):
    """The server closed the connection, or did not answer in time."""


class Reader:
    """A session of the dashboard.

    Args:
        address: of the server, such as http://127.0.0.1:8501.
        locale: the browser's.
        origin: of the page; the server's own for none.
        patience: seconds to wait for an answer.
    """

    def __init__(self, address: str, locale: str = "en-GB", origin: str | None = None, patience: float = 60.0) -> None:
        self.address = address.rstrip("/")
        self.locale = locale
        self.patience = patience
        self._socket = connect(
            f"ws{self.address.removeprefix('http')}/_stcore/stream",
            subprotocols=["streamlit", "none"],  # pyright: ignore[reportArgumentType]
            origin=origin or self.address,  # pyright: ignore[reportArgumentType]
            max_size=None,
            open_timeout=patience,
            ping_interval=None,  # a session that is not read from would seem dead
        )
        self.root = Node()
        self.query = ""
        self.page = ""
        self.main = ""
        self.path = ""
        self.title = ""
        self._now = ""
        self.ends: list[tuple[int, list[str], str]] = []
        self.labels: list[str] = []
        self._urls: list[FileURLs] = []
        self.pages: dict[str, str] = {}
        self.values: dict[str, WidgetState] = {}
        self.errors: list[str] = []
        self.messages = 0
        self.colours: dict[str, str] = {}

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- going places

    def open(self, path: str = "", query: str = "") -> float:
        """Come to a page by its address, as a new tab does; returns the seconds that it took."""
        self.root, self.values, self.page, self.query, self.path = Node(), {}, "", query, path
        return self._run()

    def go(self, path: str, query: str = "") -> float:
        """Go to a page by the sidebar, or by a link with a query: what pages drew is left behind."""
        self.values = {id: value for id, value in self.values.items() if id in self._ids(self.main)}
        page = self.pages[path]
        self.query = query
        self.path = path
        return self._run(page=page)

    def back(self, path: str, query: str) -> float:
        """Come back to an address of this session, as the browser's button does."""
        self.query, self.path = query, path
        return self._run(page=self.pages[path], history=True)

    def again(self) -> float:
        """Run the page again as it is."""
        return self._run()

    def choices(self) -> dict[str, str]:
        """What the address says."""
        return dict(parse_qsl(self.query))

    # --- pressing

    def press(self, node: Node) -> float:
        """Press a button."""
        return self._change(node, WidgetState(id=node.id, trigger_value=True), once=True)

    def select(self, node: Node, option: str) -> float:
        """Choose an option of a box, by what it shows."""
        return self._change(node, WidgetState(id=node.id, string_value=option))

    def choose(self, node: Node, options: list[str]) -> float:
        """Choose among buttons in a row, or several of a box, by what they show."""
        state = WidgetState(id=node.id)
        state.string_array_value.data.extend(options)
        return self._change(node, state)

    def switch(self, node: Node, on: bool) -> float:
        """Turn a switch, or open or close an expander."""
        return self._change(node, WidgetState(id=node.id, bool_value=on))

    def write(self, node: Node, text: str) -> float:
        """Type into a field, and leave it."""
        return self._change(node, WidgetState(id=node.id, string_value=text))

    def slide(self, node: Node, *values: float) -> float:
        """Move a slider."""
        state = WidgetState(id=node.id)
        state.double_array_value.data.extend(values)
        return self._change(node, state)

    def send_json(self, node: Node, text: str, trigger: str | None = None) -> float:
        """What a chart or table sends when something of it is selected, or an element of our own when it is pressed."""
        if trigger is None:
            return self._change(node, WidgetState(id=node.id, string_value=text))
        return self._change(node, WidgetState(id=trigger, json_trigger_value=text), once=True)

    def upload(self, node: Node, name: str, content: bytes) -> float:
        """Choose a file."""
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        self._socket.send(message.SerializeToString())
        self._urls = []
        deadline = time.monotonic() + self.patience
        while not self._urls:
            self._take_one(deadline)
        urls = self._urls[0]
        form = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + content
        with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=self.patience) as answer:
            cookies = " ".join(answer.headers.get_all("Set-Cookie") or ())
        token = cookies.partition("_streamlit_xsrf=")[2].partition(";")[0]
        request = urllib.request.Request(
            self.address + urls.upload_url,
            form + b"\r\n--edge--\r\n",
            {
                "Content-Type": "multipart/form-data; boundary=edge",
                "Origin": self.address,
                "X-Xsrftoken": token,
                "Cookie": f"_streamlit_xsrf={token}",
            },
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=self.patience):
            pass
        state = WidgetState(id=node.id)
        file = state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(content), file_id=urls.file_id
        )
        file.file_urls.CopyFrom(urls)
        return self._change(node, state)

    def _take_file_urls_response(self, message: ForwardMsg) -> None:
        self._urls = list(message.file_urls_response.file_urls)

    def _change(self, node: Node, state: WidgetState, once: bool = False) -> float:
        if not once:
            self.values[state.id] = state
        return self._run(fragment=node.fragment, more=[state] if once else [])

    # --- what is shown

    def nodes(self, *kinds: str) -> list[Node]:
        """The elements and blocks of these kinds, from the top."""
        return [node for node in self.root.walk() if node.kind in kinds]

    def find(self, kind: str, key: str) -> Node:
        """The widget of a kind with a key."""
        for node in self.nodes(kind):
            if node.key == key:
                return node
        raise KeyError(
            f"no {kind} {key!r} on {self.path or 'the first page'}; there are {[n.key for n in self.nodes(kind)]}"
        )

    def shows(self, node: Node) -> Any:
        """What a widget holds, as text or a list of texts; None for none."""
        state = self.values.get(node.id) or default_of(node)
        if state is None:
            return None
        value = getattr(state, state.WhichOneof("value") or "string_value")
        return list(value.data) if hasattr(value, "data") else value

    def headline(self) -> str:
        """The page's first line."""
        return next((n.shown.body for n in self.nodes("heading") if n.shown.tag == "h1"), "")

    # --- the protocol

    def _ids(self, script: str | None = None) -> set[str]:
        return {node.id for node in self.root.walk() if node.id and script in (None, node.script)}

    def _run(
        self, page: str = "", fragment: str = "", more: list[WidgetState] | None = None, history: bool = False
    ) -> float:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_script_hash = page or self.page
        if not state.page_script_hash:
            state.page_name = self.path
        state.fragment_id = fragment
        state.is_history_navigation = history
        context = state.context_info
        context.locale, context.timezone, context.color_scheme = self.locale, "UTC", "light"
        context.url = f"{self.address}/{self.path}"
        held = dict(self.values)
        for node in self.root.walk():  # a browser's widgets tell their first value too
            if node.id and node.id not in held and (value := default_of(node)) is not None:
                if page and node.script != self.main:
                    continue
                held[node.id] = value
        state.widget_states.widgets.extend([*held.values(), *(more or [])])
        if page and page != self.page:
            self.root = _of_script(self.root, self.main) or Node()
        start = time.monotonic()
        self._socket.send(message.SerializeToString())
        self._read(start + self.patience, fragment)
        return time.monotonic() - start

    def _read(self, deadline: float, fragment: str) -> None:
        """Take in messages until the run that was asked for has ended, and what it asked for in turn."""
        while True:
            message = self._take_one(deadline)
            if message.WhichOneof("type") == "script_finished" and self._is_the_end(message, fragment):
                return

    def _take_one(self, deadline: float) -> ForwardMsg:
        try:
            data = self._socket.recv(timeout=max(deadline - time.monotonic(), 0.01))
        except TimeoutError:
            raise Gone(f"no answer within {self.patience:.0f} s on {self.path!r}?{self.query}") from None
        except ConnectionClosed as error:
            raise Gone(f"{type(error).__name__}: {error}") from error
        self.messages += 1
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        take: Callable[[ForwardMsg], None] | None = getattr(self, f"_take_{message.WhichOneof('type')}", None)
        if take is not None:
            take(message)
        return message

    def _is_the_end(self, message: ForwardMsg, fragment: str) -> bool:
        status = message.script_finished
        self.ends.append((status, list(message.metadata.run.fragment_ids), fragment))
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
        run = message.metadata.run
        asked = not fragment or fragment in run.fragment_ids or not run.fragment_ids
        self._clear(run.script_run_id or self._now, set(run.fragment_ids))
        return asked

    def _take_new_session(self, message: ForwardMsg) -> None:
        session = message.new_session
        self.main = session.main_script_hash
        self.colours = {name: getattr(session.custom_theme, name).primary_color for name in ("light", "dark")}
        self._now = message.metadata.run.script_run_id  # what follows is of this run, and does not say so
        if not message.metadata.run.fragment_ids:
            self.page = session.page_script_hash

    def _take_navigation(self, message: ForwardMsg) -> None:
        found = message.navigation
        self.pages = {page.url_pathname: page.page_script_hash for page in found.app_pages}
        if found.page_script_hash != self.page:
            self.page = found.page_script_hash
        self.path = next((p.url_pathname for p in found.app_pages if p.page_script_hash == self.page), self.path)
        self.labels = [page.page_name for page in found.app_pages if not page.is_hidden]

    def _take_page_info_changed(self, message: ForwardMsg) -> None:
        self.query = message.page_info_changed.query_string.lstrip("?")

    def _take_page_config_changed(self, message: ForwardMsg) -> None:
        self.title = message.page_config_changed.title or self.title

    def _take_session_event(self, message: ForwardMsg) -> None:
        if message.session_event.WhichOneof("type") == "script_compilation_exception":
            self.errors.append(message.session_event.script_compilation_exception.message)

    def _take_delta(self, message: ForwardMsg) -> None:
        place = self.root
        *way, last = message.metadata.delta_path
        for step in way:
            place = place.children.setdefault(step, Node())
        delta = message.delta
        change = delta.WhichOneof("type")
        if change == "new_transient":
            return
        kind, shown = _element(delta.new_element) if change == "new_element" else _block(delta.add_block)
        before = place.children.get(last)
        node = Node(
            kind,
            shown,
            self._now,
            delta.fragment_id,
            message.metadata.active_script_hash,
            before.children if before is not None and change == "add_block" else {},
        )
        place.children[last] = node
        if kind == "exception":
            self.errors.append(f"{shown.type}: {shown.message}")
        if node.id and getattr(shown, "set_value", False):
            value = default_of(node, told=True)
            if value is not None:
                self.values[node.id] = value

    def _clear(self, run: str, fragments: set[str]) -> None:
        """What this run did not draw is gone: of the whole page, or of the fragments that ran."""

        def keeps(node: Node) -> bool:
            if node.run in ("", run):
                return True
            return bool(fragments) and node.fragment not in fragments

        def prune(node: Node) -> None:
            node.children = {place: child for place, child in node.children.items() if keeps(child)}
            for child in node.children.values():
                prune(child)

        prune(self.root)
        ids = self._ids()
        self.values = {id: value for id, value in self.values.items() if id in ids}


def _element(element: Element) -> tuple[str, Any]:
    kind = element.WhichOneof("type") or "empty"
    return kind, getattr(element, kind)


def _block(block: Block) -> tuple[str, Any]:
    kind = block.WhichOneof("type") or "vertical"
    shown = getattr(block, kind)
    return kind, shown


def _of_script(node: Node, script: str) -> Node | None:
    """The places that a script drew; None where it drew nothing of this one."""
    children = {place: kept for place, child in node.children.items() if (kept := _of_script(child, script))}
    if not children and node.kind and node.script != script:
        return None
    return Node(node.kind, node.shown, node.run, node.fragment, node.script, children)


def default_of(node: Node, told: bool = False) -> WidgetState | None:
    """The value that a widget has before anybody touches it, or the one that the page gave it (`told`)."""
    shown, state = node.shown, WidgetState(id=node.id)
    if node.kind in ("selectbox", "radio"):
        if told:
            value = shown.raw_value if shown.HasField("raw_value") else None
        else:
            value = shown.options[shown.default] if shown.HasField("default") and shown.options else None
        if value is None:
            return None
        state.string_value = value
    elif node.kind in ("button_group", "multiselect"):
        options = [str(getattr(option, "content", option)) for option in shown.options]
        state.string_array_value.data.extend(shown.raw_values if told else [options[i] for i in shown.default])
    elif node.kind == "checkbox":
        state.bool_value = shown.value if told else shown.default
    elif node.kind in ("text_input", "text_area"):
        state.string_value = shown.value if told else shown.default
    elif node.kind == "number_input":
        state.double_value = shown.value if told else shown.default
    elif node.kind == "slider":
        state.double_array_value.data.extend(shown.value if told else shown.default)
    else:
        return None
    return state


def address_of(url: str) -> tuple[str, str]:
    """The page's path and the query of a link."""
    parts = urlparse(url)
    return parts.path.strip("/"), parts.query
