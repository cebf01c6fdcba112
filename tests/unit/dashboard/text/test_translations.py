"""Every string on a page goes through the catalogues, and every message has its Chinese."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import dashboard
import engine
from dashboard.text import i18n

ROOT = Path(dashboard.__file__).parent
TRANSLATES = {"_", "ngettext", "pgettext"}
ROOMS = ("views", "charts", "elements", "text", "ui", "report")
NO_WORDS = {ROOT / "text" / "i18n.py", ROOT / "ui" / "unexpected.py"}
"""What translates, and what writes a log."""
PAGES = sorted({ROOT / "app.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))} - NO_WORDS)

SAYING = sorted([*Path(engine.__file__).parent.rglob("*.py"), *ROOT.rglob("*.py")])
"""Where errors, reasons and notes are worded, as templates that pages translate."""
SAYS = ("Message", "EngineError", "DataError", "ConfigError", "RunError", "UnknownIdError", "TrainingError")

WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|^[A-Z][a-z]+\b|^[a-z]+[?!.…]$")
"""What a person would read: two words in a row, a capitalised word, or a word with a stop."""

ALLOWED = {
    "Tailscope",  # the name
    "Source Sans, Noto Sans SC, Noto Sans CJK SC, sans-serif",  # a font stack
    "tailscope demo",  # commands are typed as they are
    "tailscope train PATH",
    "NDCG",
    "HR",
    "MRR",
    "F1",
    "MAP",
}


def _messages(path: Path) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """(context, message) of every translating call in a file; fails on one whose text is not a literal."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATES:
            parts = [ast.literal_eval(a) for a in node.args[: {"_": 1, "ngettext": 2, "pgettext": 2}[node.func.id]]]
            if node.func.id == "pgettext":
                yield parts[0], parts[1]
            else:
                yield "", parts[0] if node.func.id == "_" else tuple(parts)


def _said(path: Path) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """("", template) of every message that a file words; one made of another's parts has no literal."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "attr", getattr(node.func, "id", None)) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and name in SAYS and node.args:
            template = node.args[0]
            assert not isinstance(template, ast.JoinedStr), f"{path}, line {node.lineno}: an f-string is no template"
            if isinstance(template, ast.Constant) and template.value:
                yield "", template.value


def _used() -> set[tuple[str, str | tuple[str, ...]]]:
    """Every message that pages and the engine say."""
    return {m for path in PAGES for m in _messages(path)} | {m for path in SAYING for m in _said(path)}


def _hard_coded(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Literals that look like words and stand outside docstrings and translating calls."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATES:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("sub", "compile"):
            continue  # patterns
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # docstrings, of attributes too
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            bare = text.lstrip()
            if (
                WORDS.search(text)
                and text not in ALLOWED
                and not bare.startswith(("<", "(?P", "height=", "rx=", "font-"))
            ):
                yield node.lineno, text
        stack.extend(ast.iter_child_nodes(node))


def _catalogue() -> Catalog:
    with (i18n.LOCALE_DIR / "zh" / "LC_MESSAGES" / "tailscope.po").open("rb") as file:
        return read_po(file, locale="zh")


def _entries() -> dict[tuple[str, str | tuple[str, ...]], Message]:
    return {(m.context or "", m.id if isinstance(m.id, str) else tuple(m.id)): m for m in _catalogue() if m.id}


@pytest.mark.parametrize(
    "path", [p for p in PAGES if p.parent.name != "report"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_string_on_a_page_is_hard_coded(path: Path) -> None:
    assert list(_hard_coded(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "path", sorted(set(ROOT.rglob("views/**/*.py")) - {ROOT / "views" / "parts" / "frame.py"}), ids=lambda p: p.name
)
def test_no_page_holds_a_bare_expression(path: Path) -> None:
    """Streamlit would write it on the page, wherever its setting `runner.magicEnabled` is not ours."""
    bare = [n for n in ast.parse(path.read_text(encoding="utf-8")).body[1:] if isinstance(n, ast.Expr)]
    assert [n.lineno for n in bare if not isinstance(n.value, ast.Call)] == []


def test_a_hard_coded_string_is_found() -> None:
    for source in ('st.title("Overview")', 'st.caption(f"Only {n} users left")', 'st.button("why?")'):
        assert len(list(_hard_coded(ast.parse(source)))) >= 1, source
    assert list(_hard_coded(ast.parse('st.title(_("Overview"), key="bar_run")'))) == []


def test_every_message_has_its_chinese() -> None:
    entries = _entries()
    used = _used()
    missing = sorted(str(m) for m in used if m not in entries or not _texts(entries[m]))
    assert missing == [], "run `make messages`, then translate these in dashboard/locale/zh"
    assert sorted(str(m) for m in entries if m not in used) == [], "no page uses these any more"
    assert not [m.id for m in entries.values() if m.fuzzy]


def _texts(message: Message) -> list[str]:
    texts = [message.string] if isinstance(message.string, str) else list(message.string)
    return [t for t in texts if t]


def test_translations_keep_the_fields_of_the_message() -> None:
    for (_context, source), message in _entries().items():
        known = {name for s in ([source] if isinstance(source, str) else source) for name in _fields(s)}
        for text in _texts(message):
            extra = _fields(text) - known - {"rank"}
            assert not extra, f"{text!r} asks for {extra}"
            assert known - {"ordinal", "rank"} <= _fields(text), f"{text!r} leaves out {known - _fields(text)}"


def _fields(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_the_template_is_up_to_date() -> None:
    """What translators start from holds exactly what pages say."""
    with (i18n.LOCALE_DIR / "tailscope.pot").open("rb") as file:
        template = {(m.context or "", m.id if isinstance(m.id, str) else tuple(m.id)) for m in read_po(file) if m.id}
    assert template == _used(), "run `make messages`"


def test_babel_finds_all_that_the_engine_says() -> None:
    found = [
        one
        for package in (engine, dashboard)
        for one in extract_from_dir(str(Path(str(package.__file__)).parent), keywords=dict.fromkeys(SAYS, (1,)))
    ]
    assert {("", message) for _file, _line, message, _comments, _context in found if message} == {
        said for path in SAYING for said in _said(path)
    }
    assert ("", "{column} is missing") in _used()


def test_babel_sees_what_the_syntax_tree_sees() -> None:
    """An f-string hides a call from Babel's extractor under Python 3.11."""
    found = {
        (context or "", message)
        for _file, _line, message, _comments, context in extract_from_dir(
            str(ROOT), keywords={"_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
        )
    }
    assert {(c, m if isinstance(m, str) else tuple(m)) for c, m in found} == {
        message for path in PAGES for message in _messages(path)
    }


def _sentences(path: Path) -> Iterator[str]:
    """Texts of a file in which words stand, those of pieces put together too, but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield re.sub(r"\{\w*\}", "", node.value) if " " in node.value else ""


@pytest.mark.parametrize("path", SAYING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_several_heads_are_called_attention_heads(path: Path) -> None:
    alone = re.compile(r"(?<!attention )\bheads\b", re.IGNORECASE)
    assert not [text for text in _sentences(path) if alone.search(text)]
