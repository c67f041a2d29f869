"""Shows on stderr how reading the stores goes on: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from reconcile.history.history import Progress

_EVERY_S: Final = 2.0


@contextmanager
def show_progress(quiet: bool) -> Iterator[Progress]:
    """Yield a progress function; nothing is shown when `quiet`."""
    console = Console(stderr=True)
    if quiet:
        yield lambda what, done, total: None
    elif console.is_terminal:
        with Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        ) as bars:
            yield _Bars(bars).show
    else:
        lines = _Lines()
        yield lines.show
        lines.end()


class _RateColumn(TextColumn):
    """The rate, per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Return the rate as text; empty as long as it is not known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


class _Bars:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, what: str, done: int, total: int | None) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(f"reading {what}", total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)


class _Lines:
    def __init__(self) -> None:
        self._shown_at = time.monotonic()
        self._last: dict[str, str] = {}
        self._begun: dict[str, tuple[float, int]] = {}

    def show(self, what: str, done: int, total: int | None) -> None:
        of = f" of {total}" if total is not None else ""
        self._last[what] = f"reading {what}: {done}{of}{self._pace(what, done, total)}"
        if time.monotonic() - self._shown_at >= _EVERY_S:
            self._shown_at = time.monotonic()
            sys.stderr.write(self._last.pop(what) + "\n")

    def _pace(self, what: str, done: int, total: int | None) -> str:
        begun, first = self._begun.setdefault(what, (time.monotonic(), done))
        seconds = time.monotonic() - begun
        if seconds < 1 or done <= first:
            return ""
        rate = (done - first) / seconds
        left = f", {(total - done) / rate:.0f} s left" if total is not None else ""
        return f", {rate:,.0f}/s{left}"

    def end(self) -> None:
        for line in self._last.values():
            sys.stderr.write(line + "\n")
