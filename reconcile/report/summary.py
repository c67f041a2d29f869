"""The summary on the terminal: what a person needs to know without opening a file, on one screen of 24 lines."""

import textwrap
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from files.safe_text import printable
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences import behaviour, guards, losses, outages, verdict
from reconcile.report.text_format import duration
from reconcile.report.timeline import draw_timeline
from reconcile.report.violation_kinds import first_ids, first_kind

FIRST_IDS: Final = 3
WIDEST: Final = 120
_LABEL: Final = 45
_NUMBERS: Final = 33
_STYLES: Final = {
    Verdict.CONSISTENT: "bold green",
    Verdict.INCONSISTENT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}


def summary(history: History, judgement: Judgement, folder: Path, *, width: int = 80, unicode: bool = True) -> Text:
    """Return the summary, its lines broken to `width` columns (ids and paths never are).

    Args:
        width: columns of the terminal.
        unicode: whether the terminal can show block characters.
    """
    width = min(width, WIDEST)
    parts = [
        _verdict(history, judgement, width),
        _cells(history, judgement, width),
        _timeline(history, judgement, width, unicode),
        _behaviour(history, judgement, width),
        _guards(history, judgement, width),
        _violations(history, judgement),
        _paths(history, judgement, folder, width),
    ]
    return Text("", no_wrap=True, overflow="ignore").join([part for part in parts if part.plain])


def print_summary(console: Console, history: History, judgement: Judgement, folder: Path) -> None:
    """Print the summary; a pipe gets the same lines as a terminal, without colour."""
    unicode = "utf" in (console.encoding or "").lower()
    text = summary(history, judgement, folder, width=console.width, unicode=unicode)
    if not unicode:
        text = Text(text.plain.translate({0x2014: "-", 0x2260: "!="}).encode("ascii", "replace").decode())
    console.print(text, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True, end="")


def _verdict(history: History, judgement: Judgement, width: int) -> Text:
    word, _, run = verdict.verdict(history, judgement).partition(" ")
    text = Text().append(word, style=_STYLES[judgement.ruling.verdict]).append(f" {run}\n")
    return text.append(_prose(verdict.reason(history, judgement), width) + "\n")


def _cells(history: History, judgement: Judgement, width: int) -> Text:
    text = Text()
    text.append(f"{'':<14}{'row+event':>10}{'row only':>10}{'event only':>12}{'neither':>10}\n", style="bold")
    for label, cells in judgement.cells.items():
        if not any(cells.values()) and label != "acknowledged":
            continue
        whole, row_only, event_only, neither = cells.values()
        text.append(f"{label:<14}{whole:>10}")
        text.append(f"{row_only:>10}", style="red" if row_only else "")
        text.append(f"{event_only:>12}", style="red" if event_only else "")
        text.append(f"{neither:>10}", style="red" if neither and label == "acknowledged" else "")
        text.append("\n")
    also = losses.also_counted(history, judgement)
    return text.append(_prose(also, width) + "\n") if also else text


def _timeline(history: History, judgement: Judgement, width: int, unicode: bool) -> Text:
    text, started_at = Text(), history.facts.started_at
    found = draw_timeline(
        judgement.timeline, judgement.fault, judgement.outages, started_at, width=width, unicode=unicode
    )
    if found is None:
        return text
    for label, line, total in found.lines:
        style = (
            "red" if label == "lost" or label.endswith((" down", " degraded")) else "dim" if label == "second" else ""
        )
        text.append(f"{label:<{found.label}}").append(line, style=style).append(f"  {total}".rstrip() + "\n")
    if found.seconds > 1:
        text.append(f"{'':<{found.label}}one column is {found.seconds} s\n", style="dim")
    for place, outage in enumerate(judgement.outages):
        number = "outage" if len(judgement.outages) == 1 else f"outage {outage.number}"
        parts = [outages.down(history, judgement, place), outages.window(history, judgement, place)]
        text.append(_prose(f"{number}: {'; '.join(parts)}", width) + "\n")
    if outside := outages.outside(history, judgement):
        text.append(_prose(outside, width) + "\n", style="red")
    return text


def _behaviour(history: History, judgement: Judgement, width: int) -> Text:
    text, column = Text(), min(_LABEL, width - _NUMBERS)
    heading = behaviour.heading(history, judgement)
    if not heading:
        return text
    *first, heading = textwrap.wrap(heading, column)
    text.append("".join(f"{line}\n" for line in first), style="bold")
    text.append(f"{heading:<{column}}{'orders':>8}{'p50':>8}{'p95':>8}{'max':>8}\n", style="bold")
    rows = behaviour.rows(history, judgement)
    for label, kind in rows:
        # The numbers follow the last line of a label that is too long for its column.
        lines = textwrap.wrap(label, column, subsequent_indent="  ")
        text.append("".join(f"{line}\n" for line in lines[:-1]))
        text.append(f"{lines[-1]:<{column}}{kind['count']:>8}{_latencies(kind)}\n")
    return text if rows else text.append("no order was sent\n")


def _latencies(kind: dict[str, Any]) -> str:
    values = (kind[key] for key in ("p50_s", "p95_s", "max_s"))
    return "".join(f"{'-' if value is None else duration(value):>8}" for value in values)


def _guards(history: History, judgement: Judgement, width: int) -> Text:
    failed = guards.failed_guards(judgement)
    text = Text(_prose(guards.guards(history, judgement), width) + "\n", style="yellow" if failed else "green")
    for guard in failed:
        text.append(_prose(f"- {guards.failed_guard(guard)}", width, hanging="  ") + "\n")
    meaning = guards.meaning(history, judgement)
    return text.append(_prose(meaning, width) + "\n") if meaning else text


def _violations(history: History, judgement: Judgement) -> Text:
    ids = first_ids(judgement, first_kind(judgement), FIRST_IDS)
    lines = [losses.violation_list(history, judgement, FIRST_IDS), *(f"  {printable(order)}" for order in ids)]
    return Text("\n".join(lines) + "\n" if ids else "")


def _paths(history: History, judgement: Judgement, folder: Path, width: int) -> Text:
    shown = shown_path(folder)
    raised = "".join("\n" + line for line in verdict.exit_code_raised(history, judgement).splitlines())
    expectation = verdict.expectation(history, judgement).replace("; exit code", f"{raised}\nexit code")
    first = first_kind(judgement)
    lists = [f"list:   {shown / first.path}"] if judgement.counts[first.key] else []
    lines = [*lists, f"report: {shown / 'report.html'}"]
    return Text("\n".join([*lines, *(_prose(line, width) for line in expectation.split("\n"))]) + "\n")


def shown_path(path: Path) -> Path:
    """Return `path` relative to the current folder where it is below it."""
    resolved, here = path.resolve(), Path.cwd().resolve()
    return resolved.relative_to(here) if resolved.is_relative_to(here) else resolved


def _prose(text: str, width: int, hanging: str = "") -> str:
    clean = printable(text)
    lines = textwrap.wrap(clean, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
