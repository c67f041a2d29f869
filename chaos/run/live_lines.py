"""A run as a few lines of a terminal: phase, bar, seconds left, and the live counts. Pure."""

from typing import Final

from chaos.live.snapshot import FRESH_S
from chaos.run.plan import RunPhase
from chaos.run.run_view import RunView

_BARS: Final = {True: ("█", "░"), False: ("#", ".")}
_PHASE: Final = 9
_ROOMY: Final = 80
_SILENT: Final = frozenset({RunPhase.IDLE, RunPhase.RECONCILE, RunPhase.DONE})


def live_lines(view: RunView, width: int, *, unicode: bool = True) -> list[str]:
    """Return at most two lines, each shorter than `width` columns; none while the run has nothing to show."""
    if view.phase in _SILENT:
        return []
    lines = [_phase_line(view, width, unicode=unicode), _count_line(view, width)]
    return [line for line in lines if line]


def _phase_line(view: RunView, width: int, *, unicode: bool) -> str:
    head = f"{view.phase.value:<{_PHASE}} "
    if view.seconds_left is not None and view.seconds_planned:
        cells = 12 if width < _ROOMY else 24
        done = min(cells, max(0, round(cells * (1 - view.seconds_left / view.seconds_planned))))
        full, empty = _BARS[unicode]
        head += f"{full * done}{empty * (cells - done)} {view.seconds_left:.0f} s left"
    elif view.phase is RunPhase.PREFLIGHT:
        head += ", ".join(["ok:", *(check.name for check in view.checks)]).replace("ok:,", "ok:") if view.checks else ""
    else:
        head += view.awaited or view.text
    state = ""
    if view.target is not None and view.state is not None:
        state = f"{view.target} {view.state.word.upper()}"
    room = width - 1
    if state and len(head) + 2 + len(state) <= room:
        return f"{head}  {state}"
    return _cut(head, room)


def _count_line(view: RunView, width: int) -> str:
    """Return the counts. Where not all fit, that of the sent ones is left out first, then the last."""
    if view.uncounted is not None:
        return _cut(f"{'':<{_PHASE}} nothing is counted: {view.uncounted}", width - 1)
    if view.snapshot is None:
        return ""
    counts = view.snapshot.counts
    errors = counts.otherwise
    parts = [f"{view.asked} {counts.answered}", f"in Kafka {counts.with_event}{age(view.read_s)}"]
    if view.asked == "acknowledged":
        parts.append(f"not in Kafka {counts.without_event}{age(view.counted_s)}")
        parts += [f"pending {counts.waiting}"] if counts.waiting else []
    parts += [f"errors {errors}"] if errors else []
    indent = " " * (_PHASE + 1) if width >= _ROOMY else ""
    line = indent + "  ".join([f"sent {counts.sent}", *parts])
    while len(line) > width - 1 and parts:
        line = indent + "  ".join(parts)
        parts = parts[:-1]
    return _cut(line, width - 1)


def age(seconds: float | None) -> str:
    """Return how old a count is, in words that follow it; empty while it is that of now."""
    if seconds is None:
        return " (not read yet)"
    return f" ({seconds:.0f} s ago)" if seconds >= FRESH_S else ""


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
