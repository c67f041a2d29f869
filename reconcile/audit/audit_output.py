"""What an audit found, for people and programs: a summary, one JSON document, CSV lists."""

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from files.safe_files import write_text
from files.safe_text import csv_text, printable, spreadsheet_cell
from reconcile.audit.audit_ruling import AuditFindings, AuditRuling
from runlog.clock import iso_utc
from runlog.exit_codes import AS_EXPECTED, NOT_AS_EXPECTED
from settings.duration import format_duration

VERSION: Final = 1
FIRST: Final = 10


def document(found: AuditFindings, ruling: AuditRuling, expect: str, grace_s: float) -> dict[str, Any]:
    """Return the JSON document; times in epoch seconds, unknown is None."""
    return {
        "audit_schema_version": VERSION,
        "verdict": ruling.verdict,
        "reason": ruling.reason,
        "expect": expect,
        "exit_code": ruling.exit_code,
        "counts": {
            "rows": found.rows,
            "rows_with_event": found.with_event,
            "events": found.events,
            "events_raw": found.events_raw,
            "found_elsewhere": found.found_elsewhere,
            "lost_events": len(found.lost),
            "lost_at_least": found.lost_at_least,
            "suspected_lost": len(found.suspected),
            "disputed": len(found.disputed),
            "opaque_records": found.opaque,
            "phantom_events": len(found.phantoms),
            "disputed_phantoms": len(found.disputed_phantoms),
            "repeated_orders": len(found.repeated),
            "surplus_records": found.surplus,
            "young": found.young,
            "young_events": found.young_events,
            "not_judged": found.unjudged,
            "pending": found.pending,
            "vanished": found.vanished,
            "from_the_future": found.future,
            "unreadable_records": found.unreadable,
        },
        "grace_s": grace_s,
        "judged_from": None if found.judged_from is None or math.isinf(found.judged_from) else found.judged_from,
        "judged_because": found.because,
        "since": found.since,
        "phantoms_suspected": found.phantoms_suspected,
        "guards": [{"name": g.name, "passed": g.passed, "reason": g.reason} for g in found.guards],
        "lost_events": [{"order_id": order, "created_at": at} for order, at in found.lost],
        "suspected_lost": [{"order_id": order, "created_at": at} for order, at in found.suspected],
        "disputed_orders": [
            {"order_id": order, "created_at": at, **asdict(first), "why": first.why.name.lower()}
            for order, at, first in found.disputed
        ],
        "phantom_events": found.phantoms,
        "disputed_phantoms": found.disputed_phantoms,
        "repeated_events": found.repeated,
    }


def json_text(found: AuditFindings, ruling: AuditRuling, expect: str, grace_s: float) -> str:
    return json.dumps(document(found, ruling, expect, grace_s), indent=1, ensure_ascii=False) + "\n"


def write_lists(folder: Path, found: AuditFindings) -> None:
    """Write the lists as CSV into `folder`.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    row, place = ("order_id", "created_at"), ("partition", "offset", "records", "why")
    disputed = [
        (order, _time(at), first.partition, first.offset, first.count, first.why.name.lower())
        for order, at, first in found.disputed
    ]
    lists: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {
        "lost-events": (row, [(order, _time(at)) for order, at in found.lost]),
        "suspected-lost": (row, [(order, _time(at)) for order, at in found.suspected]),
        "disputed-orders": (row + place, disputed),
        "phantom-events": (row[:1], [(order,) for order in found.phantoms]),
        "repeated-events": (row[:1], [(order,) for order in found.repeated]),
    }
    for name, (columns, rows) in lists.items():
        safe = [(spreadsheet_cell(order), *rest) for order, *rest in rows]
        write_text(folder / f"{name}.csv", csv_text(columns, safe))


def print_audit(found: AuditFindings, ruling: AuditRuling, expect: str, grace_s: float) -> None:
    """Print the summary; each count says what it counts."""
    lines = [ruling.verdict.upper(), ruling.reason, "", *_counts(found, grace_s)]
    if found.judged_from is not None:
        none = "no row can be judged" if math.isinf(found.judged_from) else "older rows are not judged"
        lines.append(f"{none}: {found.because}")
    lines += [f"{'passed' if guard.passed else 'FAILED'}  {guard.name}: {guard.reason}" for guard in found.guards]
    for title, ids in (
        ("lost", [order for order, _ in found.lost]),
        ("suspected lost", [order for order, _ in found.suspected]),
        ("disputed", [order for order, *_ in found.disputed]),
        ("phantom", found.phantoms),
    ):
        if ids:
            head = f"first {FIRST} of {len(ids)}" if len(ids) > FIRST else f"{len(ids)}"
            lines += ["", f"{head} {title} event{'' if len(ids) == 1 else 's'}", *(f"  {i}" for i in ids[:FIRST])]
    met = {AS_EXPECTED: ", met", NOT_AS_EXPECTED: ", not met"}.get(ruling.exit_code, "")
    lines += ["", f"expected: {expect}{met}; exit code {ruling.exit_code}"]
    sys.stdout.write("\n".join(printable(line) for line in lines) + "\n")


def _counts(found: AuditFindings, grace_s: float) -> list[str]:
    """Return a line for each count: its name, its number, and what it counts."""
    younger = f"younger than {format_duration(grace_s)}"
    raw = f", in {found.events_raw} records" if found.events_raw != found.events else ""
    counts = (
        ("rows", found.rows, _rows_read(found), True),
        ("with an event", found.with_event, "of these rows", True),
        ("lost events", len(found.lost), "rows without an event, of these rows", True),
        ("suspected", len(found.suspected), f"rows without an event; {_proven(found)}", False),
        ("disputed", len(found.disputed), "rows without an event, named by a record that might be it", False),
        ("too young", found.young, f"rows without an event, {younger}: not judged", False),
        ("not judged", found.unjudged, "rows without an event, older than what the topic can show", False),
        ("future", found.future, "rows without an event, dated after the database's clock: not judged", False),
        ("pending", found.pending, "rows whose event is still in the outbox", False),
        ("vanished", found.vanished, "rows without an event, deleted during the audit", False),
        ("events", found.events, f"orders with an event in the records read first ({_records_read(found)}){raw}", True),
        ("elsewhere", found.found_elsewhere, "rows whose event is before these records, or was appended since", False),
        ("phantom events", len(found.phantoms), "events without a row, of these records" + _suspected(found), True),
        ("disputed phantom", len(found.disputed_phantoms), "events without a row that name a disputed row", False),
        ("young events", found.young_events, f"events without a row, {younger}: not judged", False),
        ("other records", found.unreadable, "of these, no events: tombstones, garbage, other types", False),
    )
    return [f"{name:<16}{number:>12}  {what}" for name, number, what, always in counts if number or always]


def _rows_read(found: AuditFindings) -> str:
    if found.judged_from is None:
        return "all rows of the table"
    if math.isinf(found.judged_from):
        return "rows without a time; the topic holds no event of any other row"
    return f"rows made from {iso_utc(found.judged_from)} on, and those without a time"


def _records_read(found: AuditFindings) -> str:
    return "all that the topic holds" if found.since is None else f"from 10 minutes before {iso_utc(found.since)} on"


def _proven(found: AuditFindings) -> str:
    return "a guard failed, so none is proven" if found.failed else f"at least {found.lost_at_least} of them lost"


def _suspected(found: AuditFindings) -> str:
    if not found.phantoms_suspected:
        return ""
    return " (suspected: a guard failed)" if found.failed else " (suspected: a standby)"


def _time(at: float | None) -> str:
    return "" if at is None else iso_utc(at)
