"""Words and numbers in the reader's language.

The English text is the message id. Translations live in `dashboard/locale/<lang>/LC_MESSAGES/tailscope.po` and are
compiled in memory when first used, so that no build step is needed.

Which language is asked at every message: of what runs now, where it has said so with `use` or `speaking` (a command, a
report, a test), else of the browser's session, whatever part of a page is drawn and in whichever thread.
"""

from __future__ import annotations

import gettext as _gettext
import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from babel import dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from engine import EngineError, Message

LANGUAGES: dict[str, str] = {"en": "English", "zh": "中文"}
"""Language codes and the names that their own readers know them by."""

LOCALE_DIR = Path(__file__).parents[1] / "locale"

_BABEL_LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}
TINY = 1e-6
"""What is nearer to zero than this is shown as nearly zero."""

_language: ContextVar[str | None] = ContextVar("language", default=None)


def _nobody() -> str:
    return "en"


_reader: Callable[[], str] = _nobody


def ask(reader: Callable[[], str]) -> None:
    """Ask this for the language from now on, wherever none is in use; `dashboard.ui.state` is who knows."""
    global _reader
    _reader = reader


def use(lang: str | None) -> None:
    """Speak this language in the running context, whoever reads; None: ask again; an unknown one is English."""
    _language.set(lang if lang is None or lang in LANGUAGES else "en")


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Speak this language within the block."""
    before = _language.get()
    use(lang)
    try:
        yield
    finally:
        use(before)


def language() -> str:
    """The code of the language in use."""
    return _language.get() or _reader()


def best_language(locale: str | None) -> str:
    """The supported language nearest to a browser's locale such as "zh-CN"."""
    primary = (locale or "").replace("_", "-").split("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(lang: str) -> _gettext.NullTranslations:
    path = LOCALE_DIR / lang / "LC_MESSAGES" / "tailscope.po"
    if not path.exists():
        return _gettext.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=lang, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


def _(message: str) -> str:
    """The message in the language in use."""
    return _catalogue(language()).gettext(message)


def pgettext(context: str, message: str) -> str:
    """The message in the language in use, where one English word has two meanings: the context says which."""
    return _catalogue(language()).pgettext(context, message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of a message that fits the count n."""
    return _catalogue(language()).ngettext(singular, plural, n)


def translate(said: EngineError | Message | str) -> str:
    """What the engine says, in the language in use: its template is the message id; English where it has none yet."""
    if isinstance(said, EngineError):
        said = said.message
    if isinstance(said, str):
        return said
    values = {name: translate(v) if isinstance(v, Message) else v for name, v in said.values.items()}
    template = _(said.template) if said.template else ""  # nothing is the catalogue's own header
    return template.format_map(values) if values else template


def count(n: int | float) -> str:
    """A whole number with the language's thousands separators."""
    return _count(round(n), language())


@lru_cache(4096)
def _count(n: int, lang: str) -> str:
    return numbers.format_decimal(n, locale=_BABEL_LOCALES[lang])


def figure(x: float, digits: int = 3, like: float | None = None) -> str:
    """A number to a few significant digits: 0.0412, −1.20, 12,300; a dash where there is none.

    Args:
        x: the number.
        digits: significant digits.
        like: another number whose decimals to take over, so that the two line up.
    """
    if not math.isfinite(x):
        return "–"
    measure = abs(x if like is None or like == 0 or not math.isfinite(like) else like)
    if x == 0 or (like is None and float(x).is_integer() and measure < 10**digits):
        return count(x).replace("-", "−")
    if abs(x) < TINY and like is None:
        return "≈0"
    rounded = float(f"{measure:.{digits - 1}e}")  # 0.9996 has one digit before the point, not none
    place = digits - 1 - math.floor(math.log10(rounded))
    x = round(x, place)
    zeros = "0" * min(max(place, 0), 6)
    text = numbers.format_decimal(x, format=f"#,##0.{zeros}" if zeros else "#,##0", locale=_BABEL_LOCALES[language()])
    return text.replace("-", "−")


def signed(x: float, digits: int = 3, like: float | None = None) -> str:
    """A number to a few significant digits that always shows its sign; see `figure`."""
    return f"+{figure(x, digits, like)}" if x > 0 else figure(x, digits, like)


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage: 0.284 is "28 %" in English, "28%" in Chinese."""
    text = figure(100 * share, digits) if abs(share) < 1 else count(100 * share)
    return text + ("\u202f%" if language() == "en" else "%")


def day(time: datetime) -> str:
    """A date, written as the language writes it."""
    return dates.format_date(time, format="medium", locale=_BABEL_LOCALES[language()])


def moment(time: datetime) -> str:
    """A date with hours and minutes."""
    return dates.format_datetime(time, format="medium", locale=_BABEL_LOCALES[language()])
