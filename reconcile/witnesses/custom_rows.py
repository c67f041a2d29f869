"""The witness "row" of a service that options describe: other columns, other types, no tag.

Ids and tags come as texts, whatever the types of their columns are, so one way serves all of them; the reference
table has a faster one (`reconcile.witnesses.rows`).
"""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE, Attribution
from contract.ids import IDS, IdReader
from contract.order_id import IdKind
from contract.run_events import NO_SEQUENCE, sequences_of
from reconcile.history.history import ROW, Progress, RowsWitness, ids_of
from reconcile.history.id_texts import IdTexts
from reconcile.witnesses.custom_columns import IDS_OF, named, sql_parts
from reconcile.witnesses.growable_array import GrowingArray
from reconcile.witnesses.table_slices import page_slices
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot, identifier
from stores.relation import OrderColumns, tag_condition

# Sequence numbers a slice, pages a slice: answers of some 50 MB at most.
SLICE: Final = 2**18
PAGES: Final = 4_000
_STAGE: Final = "rows"
# The tag first: it holds no blank, an id may.
_ROWS: Final = "SELECT array_agg({tag}::text || ' ' || coalesce({id}::text, '')) FROM {orders} WHERE "
_NEXT: Final = "SELECT {tag} FROM {orders} WHERE {tag} BETWEEN %(low)s AND %(high)s ORDER BY {tag} LIMIT 1"


def described_rows(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, attribution: Attribution | None, progress: Progress
) -> RowsWitness:
    """Read the run's rows.

    Args:
        snapshot: the transaction.
        facts: names of table and columns, kind of ids.
        columns: see there.
        attribution: how the run's rows are known; None: by the tag.
        progress: told ("rows", rows read, None).

    Raises:
        DatabaseProblem: PostgreSQL failed, or ids are not what the facts say.
    """
    reader = IdReader(facts.contract.id_kind, columns.padded)
    rows = GrowingArray(ROW)
    if attribution is None:
        for pairs in _tagged(snapshot, facts, columns):
            # A text column may have blanks at the end of the tag, and one may stand within an id.
            parts = [pair.split(" ", 1) for pair in pairs]
            of_run, sequences, _ = sequences_of([tag for tag, _ in parts], np.uint64(facts.run_key.upper))
            texts = [text.lstrip(" ") if columns.tag is IdKind.TEXT else text for _, text in parts]
            ids = _ids(facts, reader, [texts[at] for at in np.flatnonzero(of_run).tolist()])
            fresh = rows.extend(len(ids))
            fresh["hi"], fresh["lo"], fresh["seq"] = ids["hi"], ids["lo"], sequences[of_run]
            progress(_STAGE, len(rows), None)
    else:
        for texts in _untagged(snapshot, facts, columns, attribution):
            ids = _of_run(facts, reader, attribution, texts)
            fresh = rows.extend(len(ids))
            fresh["hi"], fresh["lo"], fresh["seq"] = ids["hi"], ids["lo"], NO_SEQUENCE
            progress(_STAGE, len(rows), None)
    nothing = np.empty(0, dtype=IDS)
    witness = RowsWitness(rows.finish(), nothing, nothing, None, complete=True, names=reader.names)
    return each_once(witness, facts)


def _tagged(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns) -> Iterator[list[str]]:
    """Yield texts of tag, blank and id: all rows that may be of the run."""
    parts = sql_parts(facts)
    key = facts.run_key
    condition, begins = tag_condition(columns.tag or IdKind.TEXT, key)
    query = sql.SQL(_ROWS + condition).format(**parts)
    if columns.tag is not IdKind.UUID:
        for here, bounds in page_slices(snapshot, facts.contract.table.name, PAGES):
            yield snapshot.value(query + here, {**begins, **bounds}) or []
        return
    # Each slice begins at a customer id that exists, so gaps of any width cost nothing.
    following = sql.SQL(_NEXT).format(**parts)
    last = key.sequence_of(key.last) or 0
    low: UUID | None = snapshot.value(following, {"low": key.first, "high": key.last})
    while low is not None:
        end = min((key.sequence_of(low) or 0) + SLICE - 1, last)
        yield snapshot.value(query, {"low": low, "high": key.customer_id(end)}) or []
        low = snapshot.value(following, {"low": key.customer_id(end + 1), "high": key.last}) if end < last else None


def _untagged(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, attribution: Attribution
) -> Iterator[list[str]]:
    """Yield texts of ids: all rows that may be of the run."""
    if attribution.kind != EXCLUSIVE and columns.id is not IdKind.TEXT:
        told = attribution.acknowledged
        yield from named(snapshot, facts, columns, IdTexts(facts.contract.id_kind).many(told["hi"], told["lo"]))
        return
    # Texts are compared in any of their spellings, and a digest cannot be asked for: all ids are looked at.
    query, since = sql.SQL(IDS_OF).format(**sql_parts(facts)), sql.SQL("true").format()
    bound: dict[str, str] = {}
    if attribution.kind == EXCLUSIVE:
        if facts.database_time is None:
            raise DatabaseProblem(
                f"the run did not note `{facts.contract.table.time_column}` of its check order: rows since its "
                "start are not known"
            )
        since = sql.SQL("{} > %(since)s").format(identifier(facts.contract.table.time_column))
        bound = {"since": facts.database_time}
    for here, bounds in page_slices(snapshot, facts.contract.table.name, PAGES):
        yield snapshot.value(sql.Composed([query, since, here]), {**bound, **bounds}) or []


def _ids(facts: RunFacts, reader: IdReader, texts: list[str]) -> NDArray[np.void]:
    """Return the ids of rows of the run as an array of IDS.

    Raises:
        DatabaseProblem: one of them is none of the kind that the run's orders have.
    """
    ids, valid = reader.of_events(texts)
    if not valid.all():
        wrong = texts[int(np.flatnonzero(~valid)[0])]
        told = (
            f"holds {wrong[:40]!r}, which is no {facts.contract.id_kind.value} id"
            if wrong
            else "is empty in a row of the run"
        )
        raise DatabaseProblem(f"column {facts.contract.table.id_column} of {facts.contract.table.name} {told}")
    return ids


def _of_run(facts: RunFacts, reader: IdReader, attribution: Attribution, texts: list[str]) -> NDArray[np.void]:
    """Return the ids of those rows, told by the texts of their ids, that are of the run."""
    ids, valid = reader.parse(texts)
    if attribution.kind == EXCLUSIVE and not valid.all():
        _ids(facts, reader, texts)
    ours = valid & attribution.of_run(ids)
    return _ids(facts, reader, [texts[at] for at in np.flatnonzero(ours).tolist()])


def each_once(witness: RowsWitness, facts: RunFacts) -> RowsWitness:
    """Return the witness; incomplete when one id stands in several rows: then the column holds no order ids."""
    ids = ids_of(witness.rows)
    once, first, count = np.unique(ids, return_index=True, return_counts=True)
    if len(once) == len(ids):
        return witness
    text = IdTexts(facts.contract.id_kind, witness.names).one(*(int(word) for word in once[int(np.argmax(count))]))
    problem = (
        f"column {facts.contract.table.id_column} of {facts.contract.table.name} holds {text[:40]!r} in "
        f"{int(count.max())} rows of the run: it is not the order id, or not in one spelling"
    )
    return RowsWitness(
        witness.rows[np.sort(first)], witness.pending, witness.elsewhere, None, complete=False, problem=problem,
        names=witness.names,
    )  # fmt: skip
