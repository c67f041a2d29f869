"""What the second path found, set against what the first one said. Pure, but for the file that keeps it.

A contradiction within what both read as strict JSON means that the harness is wrong: it must not report. A record that
names a lost order in any other form is a doubt: the order is disputed. What is beyond the first reading (an event
behind the end that was read, a row that was committed or changed after the snapshot) puts that order in doubt alone.
"""

from dataclasses import dataclass, field

import msgspec

from files.safe_files import read_regular, write_json
from reconcile.history.confirmation import Candidate, Candidates, Confirmation, Contradiction
from runlog.folder import RunFolder


@dataclass(frozen=True, slots=True)
class Rows:
    """What SQL by id found: the rows that the snapshot of the first reading could see, and those that came later."""

    seen: set[str]
    later: set[str]


@dataclass(frozen=True, slots=True)
class Records:
    """What the plain consumer found: orders with an event within the range first read, and beyond its end; those of
    the first whose event is strict JSON; and the first record that names an order without being its event."""

    seen: set[str]
    later: set[str]
    strict: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)


def compare(asked: Candidates, rows: Rows, records: Records) -> Confirmation:
    """Set the second path against the first, order by order."""
    refuted: list[Contradiction] = []
    unsettled: list[Contradiction] = []
    disputed: list[Contradiction] = []
    for one in asked.first:
        row, event = one.order_id in rows.seen, one.order_id in records.seen
        in_doubt = _in_doubt(one, row, records)
        if in_doubt is not None:
            disputed.append(_contradiction(one, in_doubt))
        elif (row, event) != (one.row, one.event):
            # A row that was changed after the snapshot looks new: whether it was there before is unknown.
            changed = one.row and not row and one.order_id in rows.later and event == one.event
            (unsettled if changed else refuted).append(_contradiction(one, _words(row, event)))
        elif (not one.row and one.order_id in rows.later) or (not one.event and one.order_id in records.later):
            late = " and ".join(
                word
                for word, came in (("a row", one.order_id in rows.later), ("an event", one.order_id in records.later))
                if came
            )
            unsettled.append(_contradiction(one, f"{late} that came after the reading"))
    return Confirmation(asked.digest, asked.eligible, len(asked.first), refuted, unsettled, disputed)


def _in_doubt(one: Candidate, row: bool, records: Records) -> str | None:
    """Return in which record a lost order may have its event, though not by strict JSON; None when in none."""
    if not (row and one.row) or one.event or one.order_id in records.strict:
        return None
    if one.order_id in records.seen:
        return "a record whose value is no JSON"
    return records.named.get(one.order_id)


def save_confirmation(folder: RunFolder, confirmation: Confirmation) -> None:
    """Keep it with the witnesses.

    Raises:
        OSError: the disk is full or not writable.
    """
    write_json(folder.confirmation, msgspec.to_builtins(confirmation))


def load_confirmation(folder: RunFolder) -> Confirmation | None:
    """Return what was kept; None when there is nothing that can be read: then the stores are asked again."""
    try:
        return msgspec.json.decode(read_regular(folder.confirmation), type=Confirmation)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def _contradiction(one: Candidate, found: str) -> Contradiction:
    return Contradiction(one.order_id, ", ".join(one.kinds), _words(one.row, one.event), found, one.identity)


def _words(row: bool, event: bool) -> str:
    return f"{'a row' if row else 'no row'}, {'an event' if event else 'no event'}"
