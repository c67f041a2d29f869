"""Takes the second path: asks both stores about the violations of a run, and keeps what they say with the witnesses."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from contract.attribution import TAGGED
from files.safe_files import read_regular, write_text
from reconcile.history.confirmation import Candidates, Confirmation
from reconcile.history.history import EventsWitness, History, Progress, RowsWitness
from reconcile.judge.judge import Judgement
from reconcile.verify.candidates import candidates_of
from reconcile.verify.compare import Records, Rows, compare, load_confirmation, save_confirmation
from reconcile.witnesses.witness_stores import Stores, keep_shell_out
from runlog.facts import RunFacts
from runlog.folder import RunFolder

if TYPE_CHECKING:
    from reconcile.verify.sql_verifier import FoundRow

LOST_ROWS = "lost-rows.ndjson"
Witnesses = tuple[RowsWitness, EventsWitness]


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What the second path brought.

    Attributes:
        confirmation: of the violations; None when there is none.
        lost_rows: lines of JSON, one for each lost event whose row was read, by send time; None when they were not
            read, or what was kept of them is damaged.
    """

    confirmation: Confirmation | None
    lost_rows: tuple[bytes, ...] | None


def kept_look(folder: RunFolder, judgement: Judgement) -> SecondLook | None:
    """Return the second look that was kept for just these violations; None when the stores are to be asked."""
    asked = candidates_of(judgement)
    if not asked.eligible:
        return SecondLook(None, ())
    kept = load_confirmation(folder)
    if kept is None or kept.digest != asked.digest or not kept.complete:
        return None
    try:
        raw = read_regular(folder.witnesses / LOST_ROWS)
    except OSError:
        return None
    # What is to be published again must be what was read; the confirmation stands without it.
    whole = kept.lost_rows_sha256 == sha256(raw).hexdigest()
    return SecondLook(kept, tuple(raw.splitlines()) if whole else None)


def unasked(judgement: Judgement, problem: str) -> SecondLook:
    """Return the second look of a run whose stores are not there to be asked."""
    asked = candidates_of(judgement)
    return SecondLook(Confirmation(asked.digest, asked.eligible, 0, complete=False, problem=problem), None)


def look_again(
    folder: RunFolder, stores: Stores, history: History, judgement: Judgement, progress: Progress
) -> SecondLook:
    """Ask both stores, and keep what they say.

    Raises:
        OSError: it cannot be kept.
    """
    # Here and not above: judging a saved run must need neither database driver nor Kafka client.
    from reconcile.verify.event_reading import own_reading
    from reconcile.verify.kafka_verifier import events_by_id
    from reconcile.verify.lost_rows import lost_lines, row_lines
    from stores.postgres import DatabaseProblem
    from stores.topic import KafkaProblem

    facts, asked = history.facts, candidates_of(judgement)
    keep_shell_out(facts)
    wanted, lost = [one.order_id for one in asked.first], lost_ids(judgement)
    try:
        rows = _rows(stores.database_url, facts, history.rows.snapshot, _each_once(wanted + lost), progress)
        tags = {facts.run_key.customer_id(one.seq).hex: one.order_id for one in asked.first if one.seq is not None}
        events = events_by_id(
            stores.kafka,
            facts.topic.name,
            history.events,
            set(wanted),
            progress,
            reading=own_reading(facts),
            tags=tags if facts.attribution == TAGGED else None,
        )
    except (DatabaseProblem, KafkaProblem) as problem:
        return unasked(judgement, str(problem))
    seen, later = _by_reading(rows, asked, lost)
    confirmation = compare(asked, Rows(seen, later), Records(events.seen, events.later, events.strict, events.named))
    # What the events of another service look like is not known: its rows are listed as they are.
    lines = (lost_lines if facts.contract.is_default else row_lines)(facts.topic.name, lost, rows)
    raw = b"".join(line + b"\n" for line in lines)
    write_text(folder.witnesses / LOST_ROWS, raw.decode())
    confirmation = replace(confirmation, lost_rows_sha256=sha256(raw).hexdigest())
    save_confirmation(folder, confirmation)
    return SecondLook(confirmation, tuple(lines))


def _by_reading(rows: "dict[str, FoundRow]", asked: Candidates, lost: list[str]) -> tuple[set[str], set[str]]:
    """Return which rows the first reading could see, and which came later.

    Where nothing shows when a row came, it agrees with a first reading that had it, and disproves none that had not: it
    may have come since.
    """
    had = {one.order_id for one in asked.first if one.row} | set(lost)
    seen = {order for order, row in rows.items() if (order in had if row.seen is None else row.seen)}
    return seen, rows.keys() - seen


def find_one(stores: Stores, witnesses: Witnesses, facts: RunFacts, order: str, progress: Progress) -> str | None:
    """Ask both stores for one order that has its row and its event; return what was not found, None when both were."""
    from reconcile.verify.event_reading import own_reading
    from reconcile.verify.kafka_verifier import events_by_id
    from stores.postgres import DatabaseProblem
    from stores.topic import KafkaProblem

    rows, events = witnesses
    try:
        found = _rows(stores.database_url, facts, rows.snapshot, [order], progress)
        if not found:
            return f"it does not find the row of order {order}"
        topic, reading = facts.topic.name, own_reading(facts)
        again = events_by_id(stores.kafka, topic, events, {order}, progress, reading=reading)
    except (DatabaseProblem, KafkaProblem) as problem:
        return str(problem)
    return None if order in again.seen else f"it does not find the event of order {order}"


def _rows(
    database_url: str, facts: RunFacts, snapshot: str | None, ids: list[str], progress: Progress
) -> "dict[str, FoundRow]":
    from reconcile.verify.sql_verifier import described_rows_by_id, rows_by_id

    if facts.contract.is_default:
        return rows_by_id(database_url, facts.contract.table.name, snapshot, ids, progress)
    return described_rows_by_id(
        database_url, (facts.contract.table.name, facts.contract.table.id_column), snapshot, ids, progress
    )


def lost_ids(judgement: Judgement) -> list[str]:
    """Return the ids of all lost events, suspected ones included, by send time."""
    table = judgement.table
    cases = judgement.lost_cases
    return judgement.texts.many(table.hi[cases], table.lo[cases])


def _each_once(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


__all__ = ["Candidates", "SecondLook", "kept_look", "look_again", "lost_ids", "unasked"]
