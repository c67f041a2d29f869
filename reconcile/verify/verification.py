"""Verifies the violations of a run in both stores by the second path, and saves the result with the witnesses."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from contract.attribution import TAGGED
from files.safe_files import read_regular, write_text
from reconcile.history.confirmation import Candidates, Confirmation
from reconcile.history.history import EventsWitness, History, Progress, RowsWitness
from reconcile.judge.judge import Judgement, judge, with_confirmation
from reconcile.verify.candidates import candidates_of
from reconcile.verify.compare import FoundRows, compare, load_confirmation, save_confirmation
from reconcile.witnesses.witness_stores import Stores, keep_shell_out
from runlog.facts import RunFacts
from runlog.folder import RunFolder

if TYPE_CHECKING:
    from reconcile.verify.sql_verifier import FoundRow

LOST_ROWS: Final = "lost-rows.ndjson"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result, and the lost events rebuilt from their rows.

    Attributes:
        confirmation: of the violations; None when there is none.
        lost_rows: lines of JSON, one for each lost event whose row was read, by send time; None when they were not
            read, or their file is damaged.
    """

    confirmation: Confirmation | None
    lost_rows: tuple[bytes, ...] | None

    def added_to(self, history: History) -> History:
        return replace(history, confirmation=self.confirmation, lost_rows=self.lost_rows)


def saved_verification(folder: RunFolder, judgement: Judgement) -> Verification | None:
    """Return the saved verification of exactly these violations; None when the stores must be read."""
    candidates = candidates_of(judgement)
    if not candidates.eligible:
        return Verification(None, ())
    saved = load_confirmation(folder)
    if saved is None or saved.digest != candidates.digest or not saved.complete:
        return None
    try:
        raw = read_regular(folder.witnesses / LOST_ROWS)
    except OSError:
        return None
    # Rows that may be published again must be those that were read; the confirmation stands without them.
    intact = saved.lost_rows_sha256 == sha256(raw).hexdigest()
    return Verification(saved, tuple(raw.splitlines()) if intact else None)


def judge_as_saved(folder: RunFolder, history: History) -> tuple[History, Judgement]:
    """Judge a run, with the saved verification where that is of its violations."""
    judgement = judge(history)
    verification = saved_verification(folder, judgement)
    if verification is None:
        return history, judgement
    history = verification.added_to(history)
    return history, with_confirmation(judgement, history)


def unverified(judgement: Judgement, problem: str) -> Verification:
    """Return the verification of a run whose stores could not be read; `problem`: why, in one line."""
    candidates = candidates_of(judgement)
    return Verification(Confirmation(candidates.digest, candidates.eligible, 0, complete=False, problem=problem), None)


def verify(
    folder: RunFolder, stores: Stores, history: History, judgement: Judgement, progress: Progress
) -> Verification:
    """Look all violations up in both stores, and save the result.

    Raises:
        OSError: it cannot be saved.
    """
    # Here and not above: judging a saved run must need neither database driver nor Kafka client.
    from reconcile.verify.event_reading import plain_reader
    from reconcile.verify.kafka_verifier import events_by_id
    from reconcile.verify.lost_rows import lost_lines, row_lines
    from stores.kafka_client import KafkaProblem
    from stores.postgres import DatabaseProblem

    facts, candidates = history.facts, candidates_of(judgement)
    keep_shell_out(facts)
    wanted, lost = [one.order_id for one in candidates.orders], lost_ids(judgement)
    try:
        rows = _rows(stores.database_url, facts, history.rows.snapshot, list(dict.fromkeys(wanted + lost)), progress)
        tags = {
            facts.run_key.customer_id(one.seq).hex: one.order_id for one in candidates.orders if one.seq is not None
        }
        events = events_by_id(
            stores.kafka,
            facts.topic.name,
            history.events,
            set(wanted),
            progress,
            reader=plain_reader(facts),
            tags=tags if facts.attribution == TAGGED else None,
        )
    except (DatabaseProblem, KafkaProblem) as problem:
        return unverified(judgement, str(problem))
    confirmation = compare(candidates, _by_snapshot(rows, candidates, lost), events)
    # What the events of another service look like is unknown: its rows are listed as they are.
    lines = (lost_lines if facts.contract.is_default else row_lines)(facts.topic.name, lost, rows)
    raw = b"".join(line + b"\n" for line in lines)
    write_text(folder.witnesses / LOST_ROWS, raw.decode())
    confirmation = replace(confirmation, lost_rows_sha256=sha256(raw).hexdigest())
    save_confirmation(folder, confirmation)
    return Verification(confirmation, tuple(lines))


def _by_snapshot(rows: "dict[str, FoundRow]", candidates: Candidates, lost: list[str]) -> FoundRows:
    """Return which rows the first reading could see, and which came later.

    A row of unknown age agrees with a first reading that had it, and contradicts none that had not: it may be later.
    """
    had = {one.order_id for one in candidates.orders if one.row} | set(lost)
    seen = {order for order, row in rows.items() if (order in had if row.seen is None else row.seen)}
    return FoundRows(seen, rows.keys() - seen)


def verify_order(
    stores: Stores, witnesses: tuple[RowsWitness, EventsWitness], facts: RunFacts, order: str, progress: Progress
) -> str | None:
    """Look up one order that has a row and an event in both stores; return what was not found, None when both were."""
    from reconcile.verify.event_reading import plain_reader
    from reconcile.verify.kafka_verifier import events_by_id
    from stores.kafka_client import KafkaProblem
    from stores.postgres import DatabaseProblem

    rows, events = witnesses
    try:
        found = _rows(stores.database_url, facts, rows.snapshot, [order], progress)
        if not found:
            return f"it does not find the row of order {order}"
        topic = facts.topic.name
        again = events_by_id(stores.kafka, topic, events, {order}, progress, reader=plain_reader(facts))
    except (DatabaseProblem, KafkaProblem) as problem:
        return str(problem)
    return None if order in again.seen else f"it does not find the event of order {order}"


def _rows(
    database_url: str, facts: RunFacts, snapshot: str | None, ids: list[str], progress: Progress
) -> "dict[str, FoundRow]":
    from reconcile.verify.sql_verifier import custom_rows_by_id, rows_by_id

    table = facts.contract.table
    if facts.contract.is_default:
        return rows_by_id(database_url, table.name, snapshot, ids, progress)
    return custom_rows_by_id(database_url, (table.name, table.id_column), snapshot, ids, progress)


def lost_ids(judgement: Judgement) -> list[str]:
    """Return the ids of all lost events, suspected ones included, by send time."""
    table = judgement.table
    cases = judgement.lost_cases
    return judgement.texts.many(table.hi[cases], table.lo[cases])
