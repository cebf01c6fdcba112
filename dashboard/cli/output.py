"""What the command line prints: one JSON document or tables for people, progress, and errors.

Standard output carries the answer alone. Progress, notes, warnings and errors go to standard error.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from dashboard.cli.streams import is_unicode

if TYPE_CHECKING:
    from engine import Progress as EngineProgress

PLAIN_WIDTH = 120
"""Columns of a table that is not printed on a terminal."""

STAGES = {
    "read": "Reading",
    "pretrain": "Pre-training",
    "train": "Training",
    "baseline": "Baselines",
    "evaluate": "Evaluating",
    "write": "Writing",
    "fold": "Folds",
    "trial": "Trials",
    "explain": "Explaining",
}


class _Aside(Console):
    """Standard error: nobody who reads it, or no room for it, is no reason to end the work."""

    def on_broken_pipe(self) -> None:
        self.quiet = True

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:
            self.quiet = True


def console(stderr: bool = False) -> Console:
    """A console on today's standard streams; never guesses markup or emoji in what it is given."""
    stream, kind = (sys.stderr, _Aside) if stderr else (sys.stdout, Console)
    return kind(file=stream, markup=False, emoji=False, highlight=False, width=None if stream.isatty() else PLAIN_WIDTH)


def complain(message: str) -> None:
    """Print a problem on standard error, in red, unwrapped."""
    console(stderr=True).print(Text(message, style="red"), soft_wrap=True)


def remark(message: str) -> None:
    """Print a note on standard error, dimmed."""
    console(stderr=True).print(Text(message, style="dim"), soft_wrap=True)


class Answer:
    """The one thing that a command prints on standard output.

    Args:
        as_json: print a JSON document rather than tables.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def working(self) -> contextlib.AbstractContextManager[Any]:
        """While work goes on, anything printed by a library lands on standard error."""
        return contextlib.redirect_stdout(sys.stderr)

    def give(self, document: Any, *renderables: RenderableType) -> None:
        """Print the document when JSON was asked for, else the renderables."""
        if self.as_json:
            sys.stdout.write(to_json(document, ascii_only=not is_unicode(sys.stdout)) + "\n")
            sys.stdout.flush()
            return
        out = console()
        for renderable in renderables:
            out.print(renderable, soft_wrap=isinstance(renderable, str | Text))


def to_json(document: Any, ascii_only: bool = False) -> str:
    """JSON text with whole floats; a number that is not finite becomes null, since JSON has no word for it."""
    text = json.dumps(_plain(document), ensure_ascii=ascii_only, allow_nan=False, indent=2)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


class ProgressView:
    """Shows an engine's progress on standard error: bars on a terminal, a line now and then elsewhere.

    Attributes:
        last: the last progress reported for each stage.
    """

    LINE_EVERY = 5.0  # seconds between lines when standard error is no terminal

    def __init__(self) -> None:
        self.last: dict[str, EngineProgress] = {}
        self._console = console(stderr=True)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._line_at = -math.inf

    def __enter__(self) -> ProgressView:
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[detail]}", markup=False),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bars is not None:
            if kind is None:
                self._finish_all_but("")
            self._bars.stop()

    def __call__(self, progress: EngineProgress) -> None:
        """Take one report of the engine."""
        new_stage = progress.stage not in self.last
        self.last[progress.stage] = progress
        detail = describe(progress)
        if self._bars is None:
            self._say(progress, detail, new_stage)
            return
        if new_stage:
            self._finish_all_but(progress.stage)
            label = f"{STAGES.get(progress.stage, progress.stage):<12}"
            self._tasks[progress.stage] = self._bars.add_task(label, total=1.0, detail="")
        self._bars.update(self._tasks[progress.stage], completed=progress.done, detail=detail)

    def _finish_all_but(self, stage: str) -> None:
        assert self._bars is not None
        for name, task in self._tasks.items():
            if name != stage:
                self._bars.update(task, completed=1.0, detail=describe(self.last[name], over=True))

    def _say(self, progress: EngineProgress, detail: str, new_stage: bool) -> None:
        now = time.monotonic()
        if new_stage or progress.done >= 1 or now - self._line_at >= self.LINE_EVERY:
            self._line_at = now
            remark(f"{STAGES.get(progress.stage, progress.stage)}: {detail}")


def describe(progress: EngineProgress, over: bool = False) -> str:
    """One line on where work stands: epoch, loss, validation NDCG@10 and time left, or the engine's own message.

    Args:
        progress: the report.
        over: the stage has ended, so no time is left.
    """
    if progress.epoch is None:
        return progress.message
    parts = [f"epoch {progress.epoch}/{progress.max_epochs}" if progress.max_epochs else f"epoch {progress.epoch}"]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.valid_ndcg is not None:
        parts.append(f"validation NDCG@10 {figure(progress.valid_ndcg)}")
    if over and progress.seconds is not None:
        parts.append(f"took {duration(progress.seconds)}")
    elif progress.remaining is not None:
        parts.append(f"{duration(progress.remaining)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `8.2 s`, `75 s`, `12 min 5 s`, `2 h 3 min`."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def figure(value: float | None) -> str:
    """A number to three significant digits, plain: `0.0412`, `12.3`, `1,830`; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 6)}f}"
