"""What the gap between answers and events shows: how many events never came, and how many were waited for."""

from reconcile.analysis.plural import some
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.registry import sentence
from runlog.outcomes import Outcome


@sentence("gap in the end", "gap at its last moment")
def gap_in_the_end(history: History, judgement: Judgement) -> str:
    """The last values of the gap's lines."""
    gap = judgement.gap
    orders, events = gap.answered[-1], gap.with_event[-1]
    what = "rolled back" if gap.outcome == "provoked" else "acknowledged"
    return f"in the end: {some(orders, 'order')} {what}, {events} of them with their event in Kafka"


@sentence("never came", "gap at its last moment, violations among its orders")
def never_came(history: History, judgement: Judgement) -> str:
    """How many acknowledged orders have no event, or how many that were rolled back have one; empty where none."""
    gap, table, proven = judgement.gap, judgement.table, judgement.proven
    if gap.outcome == "provoked":
        count, sure = gap.with_event[-1], int((table.had(Outcome.PROVOKED) & proven.phantom).sum())
        word = "phantom" if count == sure else "published"
    else:
        count, sure = gap.never[-1], int((table.had(Outcome.ACKNOWLEDGED) & proven.lost).sum())
        word = "lost" if count == sure else "without event"
    return f"{count} {word}" if count else ""


@sentence("waited", "gap: its largest number of orders whose event came later, backlog")
def waited(history: History, judgement: Judgement) -> str:
    """How many acknowledged orders had no event at most and got it later, and how many wait; empty if none."""
    gap = judgement.gap
    if gap.untimed or gap.outcome == "provoked":
        return ""
    most, still = max(gap.later), gap.pending[-1]
    parts = [f"up to {most} waited" if most else "", f"{still} still pending" if still else ""]
    return ", ".join(filter(None, parts))


@sentence("untimed events", "gap: events without an append time")
def untimed(history: History, judgement: Judgement) -> str:
    """How many events the picture shows at its end only, because when they were appended is not known."""
    count = judgement.gap.untimed
    if not count:
        return ""
    subject, pronoun = ("1 event is", "it") if count == 1 else (f"{count} events are", "they")
    return f"{subject} in Kafka by the end of the run; when {pronoun} came is not known"
