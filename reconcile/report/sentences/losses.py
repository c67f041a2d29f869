"""Which events and orders are lost, how many, why, and where all of them are listed."""

from typing import Final

from reconcile.analysis.lost_causes import Evidence, LostCause, tally
from reconcile.analysis.plural import some
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.lost_rows_list import proven_rows
from reconcile.report.sentences.registry import sentence
from reconcile.report.text_format import duration
from reconcile.report.violation_kinds import KINDS, Kind, first_ids, first_kind

_ALSO: Final = (
    ("late_events", "late event"),
    ("late_undecided", "event whose lateness is undecided"),
    ("pending", "pending event"),
    ("redelivered", "redelivered event"),
    ("published_twice", "event published twice"),
    *((kind.key, kind.word) for kind in KINDS if kind.doubts),
    ("visible_after_reject", "order visible after reject"),
    ("recovered", "recovered order"),
    ("unresolved", "unresolved order"),
)


def main_counts(judgement: Judgement) -> list[tuple[str, int]]:
    """Return the counts that a report shows first, with their names; doubts that are 0 are left out."""
    counts, hidden = judgement.counts, {kind.key for kind in KINDS if kind.doubts and not judgement.counts[kind.key]}
    keys = ("acknowledged", "rows", "events", *(kind.key for kind in KINDS), "late_events")
    return [("orders sent", counts["attempted"])] + [(k.replace("_", " "), counts[k]) for k in keys if k not in hidden]


@sentence("also counted", "late events, duplicates, pending, suspected and disputed ones, orders visible after reject")
def also_counted(history: History, judgement: Judgement) -> str:
    """The counts that the truth table does not show, without those that are 0."""
    counts = judgement.counts
    parts = [_counted(counts[key], word) for key, word in _ALSO if counts[key]]
    least = counts["lost_at_least"]
    if least > counts["lost_events"]:
        verb = "is" if least == 1 else "are"
        parts.append(f"at least {least} of {_counted(counts['suspected_lost'], 'suspected event')} {verb} lost")
    return ", ".join(parts)


@sentence("violation list", "orders of the first kind of violation, else of doubt, that there is")
def violation_list(history: History, judgement: Judgement, most: int | None = None) -> str:
    """The heading of the first list: `first 5 of 320 lost events`, or `2 lost events`; empty without any."""
    kind = first_kind(judgement)
    count = judgement.counts[kind.key]
    if not count:
        return ""
    return f"first {most} of {_counted(count, kind.word)}" if most and count > most else _counted(count, kind.word)


def in_words(judgement: Judgement, kind: Kind) -> str:
    """Return how many there are of `kind` with the first ids, in one line."""
    count, ids = judgement.counts[kind.key], first_ids(judgement, kind, 3)
    return f"{_counted(count, kind.word)}: {', '.join(ids)}{', ...' if count > len(ids) else ''}"


def proven_evidence(judgement: Judgement) -> list[Evidence]:
    """Return the evidence of the proven losses, or of the suspected ones where none is proven."""
    proven = judgement.proven.lost[judgement.lost_cases]
    wanted = proven if proven.any() else ~proven
    return [one for one, there in zip(judgement.evidence, wanted.tolist(), strict=True) if there]


def proven_causes(judgement: Judgement) -> dict[str, int]:
    """Return how many of these have which cause."""
    return tally(proven_evidence(judgement))


@sentence("causes", "the service's log, probes and marks, by lost event")
def causes(history: History, judgement: Judgement) -> str:
    """How many lost events have which cause."""
    fault = history.facts.fault
    return "; ".join(f"{count} {LostCause(code).words(fault)}" for code, count in proven_causes(judgement).items())


@sentence("late delays", "send times, append times")
def late_delays(history: History, judgement: Judgement) -> str:
    """How late the late events were; empty without one."""
    late, delays = judgement.counts["late_events"], judgement.late.delays()
    if not late or delays["p50_s"] is None or delays["p95_s"] is None or delays["max_s"] is None:
        return ""
    if late == 1:
        return f"1 event came late, appended at most {duration(delays['max_s'])} after its order was sent"
    return (
        f"{late} events came late, at most {duration(delays['p50_s'])} (median), {duration(delays['p95_s'])} (95th "
        f"percentile) and {duration(delays['max_s'])} (maximum) after their orders were sent"
    )


@sentence("lost rows", "`lost-events.ndjson`, lost events")
def lost_rows(history: History, judgement: Judgement) -> str:
    """What `lost-events.ndjson` holds and lacks; empty where no loss is proven."""
    lost = judgement.counts["lost_events"]
    if not lost:
        return ""
    rows = proven_rows(history, judgement)
    if rows is None:
        return "lost-events.ndjson is empty: the rows of the lost events are missing or damaged"
    there = len(rows)
    what = "ready to be published again" if history.facts.contract.is_default else "their rows"
    gone = f"; {some(lost - there, 'row')} no longer existed" if there < lost else ""
    return f"lost-events.ndjson holds {there} of {some(lost, 'lost event')}, {what}{gone}"


def none_lost(judgement: Judgement) -> str:
    """Return what reports show instead of a list of lost events where none is proven."""
    counts = judgement.counts
    return "None is proven." if counts["suspected_lost"] or counts["disputed"] else "None."


def plural(kind: Kind) -> str:
    return _counted(0, kind.word).removeprefix("0 ")


def _counted(count: int, word: str) -> str:
    """Return the count with its word, the first noun in the plural where the count is not 1."""
    noun = next(noun for noun in ("event", "order") if noun in word)
    return f"{count} {word if count == 1 else word.replace(noun, noun + 's', 1)}"
