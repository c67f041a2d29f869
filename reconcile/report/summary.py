"""The summary on the terminal: what a person needs to know, without opening a file."""

import textwrap
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from reconcile.asked import seen_words
from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.lateness.recovery import Recovery
from reconcile.lateness.window import FailureWindow
from reconcile.report.csvs import lost_ids, phantom_ids
from reconcile.report.strip import draw
from reconcile.verdict import Verdict

FIRST_IDS: Final = 5
WIDEST: Final = 120
_STYLES: Final = {
    Verdict.CONSISTENT: "bold green",
    Verdict.INCONSISTENT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
_LISTS: Final = {
    "lost": "lost-events.csv",
    "suspected lost": "suspected-lost.csv",
    "phantom": "phantom-events.csv",
    "suspected phantom": "suspected-phantom.csv",
}
_KINDS: Final = (
    ("silent_201", "silent 201 (acknowledged, event lost)"),
    ("error", "error (another complete answer)"),
    ("hang", "hang (no answer within the request timeout)"),
    ("kept", "acknowledged and kept"),
    ("broken", "no complete answer (refused, reset)"),
)


def summary(history: History, judgement: Judgement, folder: Path, *, width: int = 80, unicode: bool = True) -> Text:
    """Return the summary as text whose lines are already broken to `width` (ids and paths never are).

    Args:
        history: of the run.
        judgement: of the run.
        folder: where the reports lie; told relative to the current folder where it lies below it.
        width: columns of the terminal.
        unicode: whether the terminal can show block characters.
    """
    width = min(width, WIDEST)
    parts = [
        _verdict(history, judgement, width),
        _cells(judgement),
        _picture(history, judgement, width, unicode),
        _behaviour(judgement),
        _guards(history, judgement, width),
        _lost(judgement),
        _places(history, judgement, folder, width),
    ]
    return Text("\n", no_wrap=True, overflow="ignore").join([part for part in parts if part.plain])


def print_summary(console: Console, history: History, judgement: Judgement, folder: Path) -> None:
    """Print the summary; a pipe gets the same lines as a terminal, unbroken and without colour."""
    unicode = "utf" in (console.encoding or "").lower()
    text = summary(history, judgement, folder, width=console.width, unicode=unicode)
    if not unicode:
        text = Text(text.plain.translate({0x2014: "-", 0x2260: "!="}).encode("ascii", "replace").decode())
    console.print(text, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True, end="")


def _verdict(history: History, judgement: Judgement, width: int) -> Text:
    ruling = judgement.ruling
    text = Text()
    text.append(f"{ruling.verdict.value.upper()}", style=_STYLES[ruling.verdict])
    text.append(f"  run {history.facts.run_id}\n")
    text.append(_prose(ruling.reason, width) + "\n")
    return text


def _cells(judgement: Judgement) -> Text:
    text = Text()
    text.append(f"{'':<14}{'row+event':>10}{'row only':>10}{'event only':>12}{'neither':>10}\n", style="bold")
    for label, cells in judgement.cells.items():
        if not any(cells.values()) and label not in {"acknowledged", "ambiguous", "rejected"}:
            continue
        whole, row_only, event_only, neither = cells.values()
        text.append(f"{label:<14}{whole:>10}")
        text.append(f"{row_only:>10}", style="red" if row_only else "")
        text.append(f"{event_only:>12}", style="red" if event_only else "")
        text.append(f"{neither:>10}", style="red" if neither and label == "acknowledged" else "")
        text.append("\n")
    counts = judgement.counts
    extras = (
        "late_events",
        "late_undecided",
        "pending",
        "redelivered",
        "published_twice",
        "suspected_lost",
        "visible_after_reject",
    )
    told = [f"{counts[key]} {key.replace('_', ' ')}" for key in extras if counts[key]]
    if told:
        text.append(", ".join(told) + "\n")
    return text


def _picture(history: History, judgement: Judgement, width: int, unicode: bool) -> Text:
    text = Text()
    strip = draw(judgement.timeline, judgement.outages, history.facts.started_at, width=width, unicode=unicode)
    if strip is None:
        return text
    for label, line, total in strip.lines:
        style = "red" if label == "lost" or label.endswith(" down") else "dim" if label == "second" else ""
        text.append(f"{label:<14}").append(line, style=style).append(f"  {total}".rstrip() + "\n")
    if strip.seconds > 1:
        text.append(f"{'':<14}one column is {strip.seconds} s\n", style="dim")
    for outage, window, recovery in zip(judgement.outages, judgement.windows, judgement.recoveries, strict=True):
        number = "" if len(judgement.outages) == 1 else f" {outage.number}"
        away = "never proven down" if outage.down_edge is None else "never proven back"
        if outage.away is not None:
            away = f"{outage.away[1] - outage.away[0]:.1f} s away"
        text.append(f"outage{number}: {outage.target} {away}; failure window: {_window(window, judgement)}\n")
        if outage.seen:
            text.append(f"{outage.target} down: {seen_words(outage.seen)}\n", style="dim")
        text.append(_recovery(recovery), style="dim")
    if judgement.lost_outside:
        text.append(f"{judgement.lost_outside} lost events are explained by no outage\n", style="red")
    return text


def _recovery(recovery: Recovery) -> str:
    if recovery.first_delivered_s is None:
        return "after it: no order was delivered\n"
    usual = "never" if recovery.to_baseline_p95_s is None else f"after {recovery.to_baseline_p95_s:.0f} s"
    return f"after it: first order delivered after {_seconds(recovery.first_delivered_s)}, as quick as before {usual}\n"


def _window(window: FailureWindow, judgement: Judgement) -> str:
    if window.first_sent_at is None or window.last_sent_at is None:
        return "none proven" if judgement.suspicion.lost_events else "none"
    lead, tail = (f"{value:+.2f} s" if value is not None else "unknown" for value in (window.lead_s, window.tail_s))
    length = window.last_sent_at - window.first_sent_at
    return f"{length:.1f} s (lead {lead}, tail {tail})"


def _behaviour(judgement: Judgement) -> Text:
    text = Text()
    told = [(words, judgement.behaviour[key]) for key, words in _KINDS if judgement.behaviour[key]["count"]]
    if not judgement.outages:
        return text
    head = f"while the {judgement.outages[0].target or 'target'} was away"
    text.append(f"{head:<45}{'orders':>8}{'p50':>8}{'p95':>8}{'max':>8}\n", style="bold")
    for label, kind in told:
        # What a guard casts doubt on is not claimed here either.
        words = label.replace("event lost", "event suspected lost") if judgement.suspicion.lost_events else label
        text.append(f"{words:<45}{kind['count']:>8}{_latencies(kind)}\n")
    if not told:
        text.append("no order was sent\n")
    return text


def _latencies(kind: dict[str, Any]) -> str:
    values = (kind[key] for key in ("p50_s", "p95_s", "max_s"))
    return "".join(f"{'-' if value is None else _seconds(value):>8}" for value in values)


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f}ms" if value < 1 else f"{value:.1f}s"


def _guards(history: History, judgement: Judgement, width: int) -> Text:
    failed = [guard for guard in judgement.guards if guard.failed]
    confirmed = "" if history.confirmation is None else f"; {history.confirmation.checked} violations found twice"
    applying = sum(guard.applies for guard in judgement.guards)
    if not failed:
        return Text(f"all {applying} guards passed{confirmed}\n", style="green")
    text = Text(f"{len(failed)} of {applying} guards failed\n", style="yellow")
    for guard in failed:
        text.append(_prose(f"- {guard.name} ({guard.kind.value}): {guard.reason}", width, hanging="  ") + "\n")
    return text


def _lost(judgement: Judgement) -> Text:
    ids, (kind, total) = lost_ids(judgement, FIRST_IDS), _what(judgement)
    ids = ids or phantom_ids(judgement, FIRST_IDS)
    if not ids:
        return Text()
    more = f"first {len(ids)} of {total} {kind} events" if total > len(ids) else f"{kind} events"
    clean = ("".join(sign if sign.isprintable() else " " for sign in order) for order in ids)
    return Text(more + "\n" + "".join(f"  {order}\n" for order in clean))


def _what(judgement: Judgement) -> tuple[str, int]:
    """Return what the list at the end is of, and how many there are: lost events, or phantoms where none is lost."""
    counts, doubt = judgement.counts, judgement.suspicion
    if len(judgement.lost_cases) or not (counts["phantom_events"] or counts["suspected_phantom"]):
        suspected = doubt.lost_events
        return ("suspected lost" if suspected else "lost"), counts["suspected_lost" if suspected else "lost_events"]
    suspected = doubt.phantom_events
    return ("suspected phantom" if suspected else "phantom"), counts[
        "suspected_phantom" if suspected else "phantom_events"
    ]


def _places(history: History, judgement: Judgement, folder: Path, width: int) -> Text:
    shown = shown_path(folder)
    name = _LISTS[_what(judgement)[0]]
    facts, ruling = history.facts, judgement.ruling
    met = {True: "met", False: "not met", None: "cannot be told"}[ruling.met]
    expectation = f"expected: {facts.expect} (from {facts.expect_source}), {met}"
    return Text(
        f"list:   {shown / name}\nreport: {shown / 'report.html'}\n"
        + _prose(expectation, width)
        + f"\nexit code {ruling.exit_code}\n"
    )


def shown_path(path: Path) -> Path:
    """Return `path` relative to the current folder where it lies below it."""
    resolved, here = path.resolve(), Path.cwd().resolve()
    return resolved.relative_to(here) if resolved.is_relative_to(here) else resolved


def _prose(text: str, width: int, hanging: str = "") -> str:
    # Reasons may carry words from outside: no control character of theirs reaches the terminal.
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    lines = textwrap.wrap(clean, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
