"""What the second path found, set against what the first one said. Pure, but for the file that keeps it.

A contradiction within what the first reading had read means that the harness is wrong: it must not report. One beyond
it (an event behind the end that was read, a row that was committed after the snapshot) means that the run had not
settled: then nothing is proven.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from reconcile.confirm.candidates import Candidate, Candidates
from reconcile.confirm.result import Confirmation, Contradiction
from runlog.files import read_regular, write_json
from runlog.folder import RunFolder

FILE: Final = "confirmation.json"


@dataclass(frozen=True, slots=True)
class Rows:
    """What SQL by id found: the rows that the snapshot of the first reading could see, and those that came later."""

    seen: set[str]
    later: set[str]


@dataclass(frozen=True, slots=True)
class Records:
    """What the plain consumer found: orders with an event within the range first read, and beyond its end."""

    seen: set[str]
    later: set[str]


def compare(asked: Candidates, rows: Rows, records: Records) -> Confirmation:
    """Set the second path against the first, order by order."""
    refuted: list[Contradiction] = []
    unsettled: list[Contradiction] = []
    for one in asked.first:
        row, event = one.order_id in rows.seen, one.order_id in records.seen
        if (row, event) != (one.row, one.event):
            # A row that was changed after the snapshot looks new: nobody can tell then, so nobody is wrong.
            changed = one.row and not row and one.order_id in rows.later and event == one.event
            (unsettled if changed else refuted).append(_contradiction(one, _words(row, event)))
        elif (not one.row and one.order_id in rows.later) or (not one.event and one.order_id in records.later):
            late = " and ".join(
                word
                for word, came in (("a row", one.order_id in rows.later), ("an event", one.order_id in records.later))
                if came
            )
            unsettled.append(_contradiction(one, f"{late} that came after the reading"))
    return Confirmation(asked.digest, asked.eligible, len(asked.first), refuted, unsettled)


def save_confirmation(folder: RunFolder, confirmation: Confirmation) -> None:
    """Keep it with the witnesses.

    Raises:
        OSError: the disk is full or not writable.
    """
    write_json(folder.witnesses / FILE, msgspec.to_builtins(confirmation))


def load_confirmation(folder: RunFolder) -> Confirmation | None:
    """Return what was kept; None when there is nothing that can be read: then the stores are asked again."""
    try:
        return msgspec.json.decode(read_regular(folder.witnesses / FILE), type=Confirmation)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def _contradiction(one: Candidate, found: str) -> Contradiction:
    return Contradiction(one.order_id, ", ".join(one.kinds), _words(one.row, one.event), found, one.identity)


def _words(row: bool, event: bool) -> str:
    return f"{'a row' if row else 'no row'}, {'an event' if event else 'no event'}"
