"""The table of checks: what was expected, and what was found."""

from reconcile.history.history import History
from reconcile.history.moments import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.registry import sentence
from reconcile.report.violation_kinds import LOST, doubts_about


@sentence("checks", "check order, ledger, rows, events, counts of violations")
def checks(history: History, judgement: Judgement) -> str:
    """The table as text, one line a check."""
    return "\n".join(": ".join(row) for row in check_rows(history, judgement))


def check_rows(history: History, judgement: Judgement) -> list[tuple[str, str, str]]:
    """Return the checks in the order of the report: (check, expected, actual)."""
    counts = judgement.counts
    order = history.facts.check_order
    losing, phantom = history.facts.expect == "lost-events", history.facts.scenario == "phantom-event"
    rows = f"{counts['rows']}"
    return [
        ("Baseline order in DB", "YES", _yes(order.row if order else None)),
        ("Baseline event in Kafka", "YES", _yes(order.event if order else None)),
        *(_chaos_orders(judgement, history.facts.fault_target, losing) if judgement.outages else []),
        ("DB order count", "0" if phantom else "N", rows if history.rows.complete else f"{rows} (not read completely)"),
        (
            "Kafka event count",
            "fewer than N" if losing else "N",
            f"{counts['events']}" + ("" if history.events.complete else " (not read completely)"),
        ),
        ("Orders sent", "all that were due", f"{counts['attempted']} of {counts['due']}"),
        ("Lost events", "at least 1" if losing else "0", _with_doubts(counts, LOST.key)),
        ("Phantom events", "all" if phantom else "0", _with_doubts(counts, "phantom_events")),
        ("Lost orders", "0", _with_doubts(counts, "lost_orders")),
        ("Visible after reject", "0", f"{counts['visible_after_reject']}"),
        ("Late events", "DEPENDS", f"{counts['late_events']} ({counts['late_undecided']} undecided)"),
        (
            "Duplicate events",
            "DEPENDS",
            f"{counts['redelivered']} redelivered, {counts['published_twice']} published twice",
        ),
    ]


def _chaos_orders(judgement: Judgement, target: str, losing: bool) -> list[tuple[str, str, str]]:
    """Return the checks of the orders that were sent while the target was proven down or degraded."""
    table = judgement.table
    sent = len(table.attempts)
    # Cases after the attempts are extra and unrecorded orders, which were not sent.
    chaos = (judgement.moments == Moment.DOWN)[:sent]
    total, rows = int(chaos.sum()), int((chaos & table.row[:sent]).sum())
    stored = int((chaos & table.complete[:sent]).sum())
    # A target that still answers takes some events.
    losses = "NO" if judgement.fault.silences else "DEPENDS"
    return [
        (
            "Chaos order in DB",
            "DEPENDS",
            _share(
                rows,
                total,
                f"sent from the proof that the {target} was {judgement.fault.state} to the start of healing",
            ),
        ),
        ("Chaos event in Kafka", losses if losing else "YES", _share(stored, rows, "of those in the DB")),
    ]


def _share(part: int, total: int, which: str) -> str:
    if not total:
        return f"none {which}"
    word = "YES" if part == total else "NO" if not part else "SOME"
    return f"{word} ({part} of {total} {which})"


def _with_doubts(counts: dict[str, int], violation: str) -> str:
    """Return a count with the doubts about it: `3 (1 suspected, 2 disputed)`."""
    least = counts["lost_at_least"] if violation == LOST.key else 0
    number = f"at least {least}" if least > counts[violation] else f"{counts[violation]}"
    doubts = [kind.key for kind in doubts_about(violation) if counts[kind.key]]
    parts = ", ".join(f"{counts[key]} {key.partition('_')[0]}" for key in doubts)
    return f"{number} ({parts})" if parts else number


def _yes(value: bool | None) -> str:
    return {True: "YES", False: "NO", None: "UNKNOWN"}[value]
