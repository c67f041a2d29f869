"""The table of checks: what was expected, and what was found."""

from reconcile.history.history import History
from reconcile.history.outages import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.registry import sentence


@sentence("checks", "check order, ledger, rows, events, counts of violations")
def checks(history: History, judgement: Judgement) -> str:
    """The table in one text, a check a line."""
    return "\n".join(": ".join(row) for row in check_rows(history, judgement))


def check_rows(history: History, judgement: Judgement) -> list[tuple[str, ...]]:
    """Return (check, expected, actual) in the order of the report, and the counts behind it."""
    counts = judgement.counts
    order = history.facts.check_order
    losing, phantom = history.facts.expect == "lost-events", history.facts.scenario == "phantom-event"
    rows = f"{counts['rows']}"
    table = [
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
        ("Lost events", "at least 1" if losing else "0", _lost(counts)),
        (
            "Phantom events",
            "all" if phantom else "0",
            _proven(counts, "phantom_events", "suspected_phantom", "disputed_phantom"),
        ),
        ("Lost orders", "0", _proven(counts, "lost_orders", "suspected_lost_orders")),
        ("Visible after reject", "0", f"{counts['visible_after_reject']}"),
        ("Late events", "DEPENDS", f"{counts['late_events']} ({counts['late_undecided']} undecided)"),
        (
            "Duplicate events",
            "DEPENDS",
            f"{counts['redelivered']} redelivered, {counts['published_twice']} published twice",
        ),
    ]
    return [tuple(row) for row in table]


def _chaos_orders(judgement: Judgement, target: str, losing: bool) -> list[tuple[str, str, str]]:
    """Chaos orders: those sent while the target was proven down."""
    table = judgement.table
    sent = len(table.attempts)
    # The attempts themselves: an extra order is no order that was sent.
    chaos = (judgement.moments == Moment.DOWN)[:sent]
    total, rows = int(chaos.sum()), int((chaos & table.row[:sent]).sum())
    stored = int((chaos & table.whole[:sent]).sum())
    return [
        ("Chaos order in DB", "DEPENDS", _share(rows, total, f"sent while the {target} was down")),
        ("Chaos event in Kafka", "NO" if losing else "YES", _share(stored, rows, "of those in the DB")),
    ]


def _share(part: int, total: int, which: str) -> str:
    if not total:
        return f"none {which}"
    word = "YES" if part == total else "NO" if not part else "SOME"
    return f"{word} ({part} of {total} {which})"


def _lost(counts: dict[str, int]) -> str:
    least = counts["lost_at_least"]
    parts = f"at least {least}" if least > counts["lost_events"] else f"{counts['lost_events']}"
    return parts + _doubts(counts, "suspected_lost", "disputed")


def _proven(counts: dict[str, int], proven: str, *doubts: str) -> str:
    return f"{counts[proven]}{_doubts(counts, *doubts)}"


def _doubts(counts: dict[str, int], *names: str) -> str:
    parts = ", ".join(f"{counts[name]} {name.partition('_')[0]}" for name in names if counts[name])
    return f" ({parts})" if parts else ""


def _yes(value: bool | None) -> str:
    return {True: "YES", False: "NO", None: "UNKNOWN"}[value]
