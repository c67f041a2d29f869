"""Which events and orders are lost, how many, why, and where all of them are listed."""

from dataclasses import dataclass
from typing import Final

from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.lostcauses import LostCause, tally
from reconcile.report.csvs import lost_ids, phantom_ids
from reconcile.report.sentences.outages import seconds
from reconcile.report.sentences.registry import sentence
from reconcile.wording import some

_ALSO: Final = (
    ("late_events", "late event"),
    ("late_undecided", "event whose lateness is undecided"),
    ("pending", "pending event"),
    ("redelivered", "redelivered event"),
    ("published_twice", "event published twice"),
    ("suspected_lost", "event suspected lost"),
    ("suspected_phantom", "event suspected to be a phantom"),
    ("suspected_lost_orders", "order suspected lost"),
    ("visible_after_reject", "order visible after reject"),
    ("recovered", "recovered order"),
    ("unresolved", "unresolved order"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of violation as it is listed: its words (singular), its count, its file."""

    word: str
    count: int
    path: str


def listed_kind(judgement: Judgement) -> Kind:
    """Return the kind that short reports list: lost events, or phantom events where no event is lost."""
    counts, doubt = judgement.counts, judgement.suspicion
    if len(judgement.lost_cases) or not (counts["phantom_events"] or counts["suspected_phantom"]):
        if doubt.lost_events:
            return Kind("event suspected lost", counts["suspected_lost"], "suspected-lost.csv")
        return Kind("lost event", counts["lost_events"], "lost-events.csv")
    if doubt.phantom_events:
        return Kind("event suspected to be a phantom", counts["suspected_phantom"], "suspected-phantom.csv")
    return Kind("phantom event", counts["phantom_events"], "phantom-events.csv")


def first_ids(judgement: Judgement, most: int) -> list[str]:
    """Return the first ids of `listed_kind` by send time, at most `most`."""
    return lost_ids(judgement, most) or phantom_ids(judgement, most)


@sentence("also counted", "late events, duplicates, pending and suspected ones, orders visible after reject")
def also_counted(history: History, judgement: Judgement) -> str:
    """Counts beside the truth table, those that are 0 left out."""
    counts = judgement.counts
    return ", ".join(_plural(counts[key], word) for key, word in _ALSO if counts[key])


@sentence("listed", "orders with a row and without an event; else events without a row")
def listed(history: History, judgement: Judgement) -> str:
    """How many violations of the listed kind there are; empty without any."""
    kind = listed_kind(judgement)
    return _plural(kind.count, kind.word) if kind.count else ""


def first_of(judgement: Judgement, most: int) -> str:
    """Return the heading of a list of ids: `first 5 of 320 lost events`, or `2 lost events`."""
    kind = listed_kind(judgement)
    plural = _plural(kind.count, kind.word)
    return f"first {most} of {plural}" if kind.count > most else plural


@sentence("causes", "the service's log, probes and marks, by lost event")
def causes(history: History, judgement: Judgement) -> str:
    """How many lost events have which cause."""
    return "; ".join(f"{count} {LostCause(code).words}" for code, count in tally(judgement.evidence).items())


@sentence("late delays", "send times, append times")
def late_delays(history: History, judgement: Judgement) -> str:
    """How late the late events were; empty without one."""
    late, delays = judgement.counts["late_events"], judgement.late.delays()
    if not late or delays["p50_s"] is None or delays["p95_s"] is None or delays["max_s"] is None:
        return ""
    if late == 1:
        return f"1 event came late, appended at most {seconds(delays['max_s'])} after its order was sent"
    return (
        f"{late} events came late, appended after their order was sent by at most {seconds(delays['p50_s'])} (median), "
        f"{seconds(delays['p95_s'])} (95th percentile), {seconds(delays['max_s'])} (maximum)"
    )


@sentence("lost rows", "`lost-events.ndjson`, lost events")
def lost_rows(history: History, judgement: Judgement) -> str:
    """What `lost-events.ndjson` holds and what it lacks; empty where no loss is proven."""
    lost = judgement.counts["lost_events"]
    if not lost:
        return ""
    if history.lost_rows is None:
        return "lost-events.ndjson is empty: the rows of the lost events are missing or damaged"
    there = len(history.lost_rows)
    what = "ready to be published again" if history.facts.like_reference else "their rows"
    gone = f"; the rows of {lost - there} were gone by then" if there < lost else ""
    return f"lost-events.ndjson holds {there} of {some(lost, 'lost event')}, {what}{gone}"


def _plural(count: int, word: str) -> str:
    """Return the count with its words, the first noun in the plural where there is not exactly one."""
    noun = next(noun for noun in ("event", "order") if noun in word)
    return f"{count} {word if count == 1 else word.replace(noun, noun + 's', 1)}"
