"""The numbers that a report shows first, each with a title, a note, and whether it is bad, doubtful or good."""

from dataclasses import dataclass
from typing import Literal

from reconcile.analysis.plural import some
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.outages import down
from reconcile.report.sentences.registry import sentence
from reconcile.report.text_format import duration
from reconcile.report.violation_kinds import KINDS, LOST, Kind

Tone = Literal["bad", "doubt", "good", ""]


@dataclass(frozen=True, slots=True)
class Card:
    """One number.

    Attributes:
        tone: a CSS class of `look.css`; empty for a number that is neither good nor bad.
    """

    title: str
    value: str
    note: str
    tone: Tone = ""


@sentence("cards", "counts, guards, failure windows, downtimes")
def in_words(history: History, judgement: Judgement) -> str:
    """The cards as text, one line each."""
    return "\n".join(f"{card.title}: {card.value}; {card.note}" for card in cards(history, judgement))


def cards(history: History, judgement: Judgement) -> list[Card]:
    """Return the cards of a run, the most important first."""
    counts = judgement.counts
    main = LOST if history.facts.scenario != "phantom-event" else next(k for k in KINDS if k.key == "phantom_events")
    found = [kind for kind in KINDS if kind is not main and counts[kind.key]]
    return [
        _violation(judgement, main),
        *(_violation(judgement, kind) for kind in found),
        *_windows(history, judgement),
        *_late(judgement),
        *_unresolved(judgement),
        _answers(judgement),
        _guards(judgement),
    ]


def _violation(judgement: Judgement, kind: Kind) -> Card:
    counts = judgement.counts
    count, least = counts[kind.key], counts["lost_at_least"] if kind is LOST else 0
    value = f"at least {least}" if least > count else str(count)
    if kind.doubts:
        return Card(kind.title.lower(), value, "not proven, and not ruled out", "doubt")
    bad = count > 0 or least > 0
    doubted = any(counts[other.key] for other in KINDS if other.doubts == kind.key)
    note = "none proven" if doubted and not bad else f"of {some(counts['rows'], 'stored order')}"
    if kind.key == "phantom_events":
        note = "none proven" if doubted and not bad else f"of {some(counts['events'], 'order')} with an event"
    return Card(kind.title.lower(), value, note, "bad" if bad else "" if doubted else "good")


def _windows(history: History, judgement: Judgement) -> list[Card]:
    found = []
    for place, window in enumerate(judgement.windows):
        if window.first_sent_at is not None and window.last_sent_at is not None:
            number = f" {judgement.outages[place].number}" if len(judgement.outages) > 1 else ""
            length = duration(window.last_sent_at - window.first_sent_at)
            found.append(Card(f"failure window{number}", length, down(history, judgement, place).partition(";")[0]))
    return found


def _late(judgement: Judgement) -> list[Card]:
    late, delays = judgement.counts["late_events"], judgement.late.delays()
    if not late or delays["max_s"] is None:
        return []
    return [
        Card("late events", str(late), f"appended at most {duration(delays['max_s'])} after their orders were sent")
    ]


def _unresolved(judgement: Judgement) -> list[Card]:
    count = judgement.counts["unresolved"]
    note = "no usable answer, and neither row nor event"
    return [Card("unresolved orders", str(count), note)] if count else []


def _answers(judgement: Judgement) -> Card:
    counts = judgement.counts
    errors = counts["attempted"] - counts["acknowledged"] - counts["provoked"]
    sent = f"in {some(counts['attempted'], 'order')} sent"
    if counts["provoked"]:
        return Card("the client saw", f"{counts['provoked']} rolled back", f"{sent}; {some(errors, 'error')}")
    return Card("the client saw", some(errors, "error"), sent)


def _guards(judgement: Judgement) -> Card:
    applying = sum(guard.applies for guard in judgement.guards)
    passed = sum(guard.applies and not guard.failed for guard in judgement.guards)
    return Card(
        "can it be trusted?", f"{passed} of {applying}", "guards passed", "good" if passed == applying else "doubt"
    )
