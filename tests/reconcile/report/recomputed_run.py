"""The sentences on the run as a whole once more: scope, environment, the table of checks, the rows that were kept."""

from collections.abc import Callable
from typing import Final

from runlog.ledger import RecordKind
from tests.reconcile.report.raw_history import Order
from tests.reconcile.report.raw_run import RawRun, some
from tests.reconcile.report.recomputed_late import late


def verdict(run: RawRun) -> list[str]:
    word = "INCONCLUSIVE" if run.undecided else "INCONSISTENT" if run.violations else "CONSISTENT"
    return [f"{word}  run {run.raw.history.facts.run_id}"]


def attribution(run: RawRun) -> list[str]:
    return [
        {
            "tagged": "tagged: each order's customer id names the run and the attempt",
            "exclusive": "exclusive: all rows and events since the start; the run assumes that no one else writes",
        }[run.raw.history.facts.attribution]
    ]


def scope(run: RawRun) -> list[str]:
    facts = run.raw.history.facts
    if facts.scenario != "lost-event":
        return ["the verdict covers a run without an outage"]
    marks = [(run.raw.mark("injected", one), run.raw.mark("healing", one)) for one in run.raw.outages()]
    lengths = sorted(end - begin for begin, end in marks if begin is not None and end is not None)
    if not lengths:
        return ["the verdict covers no outage: none was proven down until healing began"]
    which = f"an outage of {lengths[0]:.1f} s"
    if len(lengths) > 1:
        which = f"{len(lengths)} outages of {lengths[0]:.1f} s to {lengths[-1]:.1f} s"
    what = f"{facts.fault.name} of the {facts.fault_target}"
    if run.undecided:
        return [f"nothing is proven of {which} ({what})"]
    said = f"the verdict covers {which} ({what}; from its proof to the start of healing), not longer ones"
    if facts.fault_target != "broker" or facts.contract.table.outbox:
        return [said]
    limit = facts.delivery_timeout_s
    known = "unknown (--delivery-timeout states it)" if limit is None else f"{limit:g} s"
    compared = f"the producer's delivery timeout is {known}"
    if limit is not None and lengths[-1] <= limit:
        compared = f"a producer that retries for {limit:g} s can outlast it"
    return [f"{said}; {compared}"]


def infrastructure(run: RawRun) -> list[str]:
    facts = run.raw.history.facts
    known = "" if facts.stack == "external" or not facts.service_variant else f", variant {facts.service_variant}"
    outbox = f"; outbox table {facts.contract.table.outbox}" if facts.contract.table.outbox else ""
    where = f"PostgreSQL table orders; Kafka topic {facts.topic.name}{outbox}"
    return [f"{facts.stack} stack: order service{known}; {where}"]


def lost_rows(run: RawRun) -> list[str]:
    lost, rows = run.split(run.lost, "lost_events")[0], run.raw.history.lost_rows
    if not lost:
        return [""]
    if rows is None:
        return ["lost-events.ndjson is empty: the rows of the lost events are missing or damaged"]
    what = "their rows" if run.raw.history.facts.stack == "external" else "ready to be published again"
    gone = f"; {some(lost - len(rows), 'row')} no longer existed" if len(rows) < lost else ""
    return [f"lost-events.ndjson holds {len(rows)} of {some(lost, 'lost event')}, {what}{gone}"]


def checks(run: RawRun) -> list[str]:
    history, facts = run.raw.history, run.raw.history.facts
    losing, phantom = facts.expect == "lost-events", facts.scenario == "phantom-event"
    rows = sum(one.row for one in run.raw.orders)
    events = {(int(record["hi"]), int(record["lo"])) for record in history.events.events}
    due = [
        one
        for one in history.ledger.attempts
        if one["kind"] in {RecordKind.SENT, RecordKind.COMPLETED, RecordKind.NOT_SENT}
    ]
    delays, undecided = late(run)
    twice = run.raw.duplicates()
    lost = _doubted(run, run.lost, "lost_events", len(run.disputed))
    unread = {True: "", False: " (not read completely)"}
    lines = [
        "Baseline order in DB: YES: YES",
        "Baseline event in Kafka: YES: YES",
        *(_chaos(run, losing) if run.raw.outages() else []),
        f"DB order count: {'0' if phantom else 'N'}: {rows}{unread[history.rows.complete]}",
        f"Kafka event count: {'fewer than N' if losing else 'N'}: {len(events)}{unread[history.events.complete]}",
        f"Orders sent: all that were due: {len(run.raw.attempts)} of {len(due)}",
        f"Lost events: {'at least 1' if losing else '0'}: {lost}",
        f"Phantom events: {'all' if phantom else '0'}: {_doubted(run, run.phantoms, 'phantom_events', 0)}",
        f"Lost orders: 0: {_doubted(run, run.lost_orders, 'lost_orders', 0)}",
        f"Visible after reject: 0: {len(run.visible)}",
        f"Late events: DEPENDS: {len(delays)} ({undecided} undecided)",
        f"Duplicate events: DEPENDS: {twice['redelivered']} redelivered, {twice['published_twice']} published twice",
    ]
    return ["\n".join(lines)]


def _doubted(run: RawRun, orders: list[Order], what: str, disputed: int) -> str:
    proven, suspected = run.split(orders, what)
    doubts = [f"{number} {word}" for number, word in ((suspected, "suspected"), (disputed, "disputed")) if number]
    return f"{proven}" + (f" ({', '.join(doubts)})" if doubts else "")


def _chaos(run: RawRun, losing: bool) -> list[str]:
    down: list[Order] = []
    for outage in run.raw.outages():
        _, injected, healing, _ = run.edges(outage)
        later = [run.edges(other)[0] for other in run.raw.outages() if other > outage]
        down += [o for o in run.raw.attempts if o.sent and injected <= o.sent < min([healing, *later])]
    stored = [one for one in down if one.row]
    published = [one for one in stored if one.event]
    target = run.raw.history.facts.fault_target
    sent = f"sent from the proof that the {target} was down to the start of healing"
    return [
        f"Chaos order in DB: DEPENDS: {_share(stored, down, sent)}",
        f"Chaos event in Kafka: {'NO' if losing else 'YES'}: {_share(published, stored, 'of those in the DB')}",
    ]


def _share(part: list[Order], whole: list[Order], which: str) -> str:
    if not whole:
        return f"none {which}"
    word = "NO" if not part else "YES" if len(part) == len(whole) else "SOME"
    return f"{word} ({len(part)} of {len(whole)} {which})"


RECOMPUTED: Final[dict[str, Callable[[RawRun], list[str]]]] = {
    "verdict": verdict,
    "attribution": attribution,
    "scope": scope,
    "infrastructure": infrastructure,
    "lost rows": lost_rows,
    "checks": checks,
}
