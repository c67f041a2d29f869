"""What an audit found, for people and programs: a summary, one JSON document, CSV lists."""

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any, Final

from reconcile.audit.verdict import Audited, AuditRuling
from runlog.clock import iso_utc
from runlog.duration import format_duration
from runlog.exitcodes import AS_EXPECTED, NOT_AS_EXPECTED
from runlog.files import write_text

VERSION: Final = 1
FIRST: Final = 10


def document(found: Audited, ruling: AuditRuling, expect: str, grace_s: float) -> dict[str, Any]:
    """Return the JSON document; times in epoch seconds, unknown is None."""
    return {
        "audit_schema_version": VERSION,
        "verdict": ruling.verdict,
        "reason": ruling.reason,
        "expect": expect,
        "exit_code": ruling.exit_code,
        "counts": {
            "rows": found.rows,
            "events": found.events,
            "events_raw": found.events_raw,
            "lost_events": len(found.lost),
            "phantom_events": len(found.phantoms),
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
        "phantoms_suspected": found.phantoms_suspected,
        "guards": [{"name": g.name, "passed": g.passed, "reason": g.reason} for g in found.guards],
        "lost_events": [{"order_id": order, "created_at": at} for order, at in found.lost],
        "phantom_events": found.phantoms,
        "repeated_events": found.repeated,
    }


def json_text(found: Audited, ruling: AuditRuling, expect: str, grace_s: float) -> str:
    """Return the text of the JSON document."""
    return json.dumps(document(found, ruling, expect, grace_s), indent=1, ensure_ascii=False) + "\n"


def write_lists(folder: Path, found: Audited) -> None:
    """Write `lost-events.csv`, `phantom-events.csv` and `repeated-events.csv` into `folder`.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lost = [(_safe(order), "" if at is None else iso_utc(at)) for order, at in found.lost]
    write_text(folder / "lost-events.csv", _csv(("order_id", "created_at"), lost))
    write_text(folder / "phantom-events.csv", _csv(("order_id",), [(_safe(order),) for order in found.phantoms]))
    write_text(folder / "repeated-events.csv", _csv(("order_id",), [(_safe(order),) for order in found.repeated]))


def print_audit(found: Audited, ruling: AuditRuling, expect: str, grace_s: float) -> None:
    """Print the summary."""
    again = f"  ({found.surplus} more records repeat one)" if found.surplus else ""
    lines = [
        ruling.verdict.upper(),
        ruling.reason,
        "",
        f"rows            {found.rows:>12}",
        f"events          {found.events:>12}{again}",
        f"lost events     {len(found.lost):>12}",
        f"phantom events  {len(found.phantoms):>12}" + ("  (suspected: a standby)" if found.phantoms_suspected else ""),
        *(
            f"{name:<16}{number:>12}  {why}"
            for name, number, why in (
                ("too young", found.young, f"younger than {format_duration(grace_s)}"),
                ("too young events", found.young_events, f"without a row, younger than {format_duration(grace_s)}"),
                ("not judged", found.unjudged, "older than what the log can tell"),
                ("future", found.future, "dated after the database's own clock"),
                ("pending", found.pending, "still in the outbox"),
                ("vanished", found.vanished, "deleted while it was looked at"),
                ("other records", found.unreadable, "no event: tombstone, garbage, another type"),
            )
            if number
        ),
    ]
    if found.judged_from is not None:
        at = "never" if math.isinf(found.judged_from) else iso_utc(found.judged_from)
        lines.append(f"rows are judged from {at} on: {found.because}")
    lines += [f"{'passed' if guard.passed else 'FAILED'}  {guard.name}: {guard.reason}" for guard in found.guards]
    for title, ids in (("lost", [order for order, _ in found.lost]), ("phantom", found.phantoms)):
        if ids:
            lines += [
                "",
                f"first {min(FIRST, len(ids))} of {len(ids)} {title} events",
                *(f"  {i}" for i in ids[:FIRST]),
            ]
    met = {AS_EXPECTED: ", met", NOT_AS_EXPECTED: ", not met"}.get(ruling.exit_code, "")
    lines += ["", f"expected: {expect}{met}; exit code {ruling.exit_code}"]
    clean = ("".join(sign if sign.isprintable() else " " for sign in line) for line in lines)
    sys.stdout.write("\n".join(clean) + "\n")


def _safe(order: str) -> str:
    """A text id may be anything; a spreadsheet must not take it for a formula. Numbers stay numbers."""
    risky = order[:1] in {"=", "+", "@", "\t", "\r"} or (order[:1] == "-" and not order[1:].isdigit())
    return f"'{order}" if risky else order


def _csv(columns: tuple[str, ...], rows: list[Any]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()
