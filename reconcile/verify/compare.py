"""Compares what the verification found with the first reading. Pure, except for the file of the result.

A contradiction within what both read as strict JSON means that the harness is wrong: it must not report. A record that
names a lost order in any other form is a doubt: the order is disputed. What the first reading could not have seen (an
event behind the end that it read, a row committed or changed after its snapshot) puts that order in doubt alone.
"""

from dataclasses import dataclass, field

import msgspec

from files.safe_files import read_regular, write_json
from reconcile.history.confirmation import Candidate, Candidates, Confirmation, Contradiction
from runlog.folder import RunFolder


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Orders with a row.

    Attributes:
        seen: with one that the snapshot of the first reading could see.
        later: with one that came or changed after it.
    """

    seen: set[str]
    later: set[str]


@dataclass(slots=True)
class FoundEvents:
    """Orders by what the topic holds of them.

    Attributes:
        seen: with an event within the range of the first reading.
        later: with an event behind its end.
        strict: those of `seen` with an event whose value is a JSON object.
        named: named by a record that might be their event; by order the first such record, in words.
    """

    seen: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    strict: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)


def compare(candidates: Candidates, rows: FoundRows, events: FoundEvents) -> Confirmation:
    refuted: list[Contradiction] = []
    unsettled: list[Contradiction] = []
    disputed: list[Contradiction] = []
    for one in candidates.orders:
        row, event = one.order_id in rows.seen, one.order_id in events.seen
        in_doubt = _in_doubt(one, row, events)
        if in_doubt is not None:
            disputed.append(_contradiction(one, in_doubt))
        elif (row, event) != (one.row, one.event):
            # A row that was changed after the snapshot looks new: whether it was there before is unknown.
            changed = one.row and not row and one.order_id in rows.later and event == one.event
            (unsettled if changed else refuted).append(_contradiction(one, _words(row, event)))
        elif (not one.row and one.order_id in rows.later) or (not one.event and one.order_id in events.later):
            came = [word for word, found in (("a row", rows), ("an event", events)) if one.order_id in found.later]
            unsettled.append(_contradiction(one, f"{' and '.join(came)} that came after the reading"))
    return Confirmation(candidates.digest, candidates.eligible, candidates.eligible, refuted, unsettled, disputed)


def _in_doubt(one: Candidate, row: bool, events: FoundEvents) -> str | None:
    """Return in which record a lost order may have its event, though not by strict JSON; None when in none."""
    if not (row and one.row) or one.event or one.order_id in events.strict:
        return None
    if one.order_id in events.seen:
        return "a record whose value is no JSON"
    return events.named.get(one.order_id)


def save_confirmation(folder: RunFolder, confirmation: Confirmation) -> None:
    """Save the result with the witnesses.

    Raises:
        OSError: the disk is full or not writable.
    """
    write_json(folder.confirmation, msgspec.to_builtins(confirmation))


def load_confirmation(folder: RunFolder) -> Confirmation | None:
    """Return the saved result; None when none can be read, so that the stores are read again."""
    try:
        return msgspec.json.decode(read_regular(folder.confirmation), type=Confirmation)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def _contradiction(one: Candidate, found: str) -> Contradiction:
    return Contradiction(one.order_id, ", ".join(one.kinds), _words(one.row, one.event), found, one.identity)


def _words(row: bool, event: bool) -> str:
    return f"{'a row' if row else 'no row'}, {'an event' if event else 'no event'}"
