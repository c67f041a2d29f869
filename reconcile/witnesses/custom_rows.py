"""Rows of a custom contract: other columns, other types, perhaps no tag.

Ids and tags come as texts, whatever the types of their columns are, so one way serves all of them; the default contract
has a faster one (`reconcile.witnesses.default_rows`).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE, Attribution
from contract.ids import IdReader
from contract.order_id import IdKind
from contract.run_events import NO_SEQUENCE, sequences_of
from reconcile.history.history import ROW, Progress
from reconcile.history.id_texts import IdTexts
from reconcile.witnesses.default_rows import start_time
from reconcile.witnesses.growable_array import GrowableArray
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot
from stores.relation import OrderColumns, tag_condition, written
from stores.table_slices import values_by_pages, values_by_tags

# Sequence numbers a slice, pages a slice: answers of some 50 MB at most.
SLICE: Final = 2**18
PAGES: Final = 4_000
# Order ids a question.
ASKED: Final = 20_000
_STAGE: Final = "rows"
_IDS: Final = "SELECT array_agg(coalesce({id}::text, '')) FROM {orders} WHERE "
# The tag first: it holds no blank, an id may.
_PAIRS: Final = "SELECT array_agg({tag}::text || ' ' || coalesce({id}::text, '')) FROM {orders} WHERE "


def custom_rows(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, attribution: Attribution | None, progress: Progress
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return the run's rows as an array of ROW, and the texts of order ids that cannot be decoded from their bytes.

    Args:
        facts: names of table and columns, kind of ids.
        attribution: how the run's rows are attributed to it; None: by the tag.
        progress: called with "rows", rows read, None.

    Raises:
        DatabaseProblem: PostgreSQL failed, or ids are not what the facts say.
    """
    reader = IdReader(facts.contract.id_kind, columns.padded)
    rows = GrowableArray(ROW)
    found: Iterator[tuple[NDArray[np.void], NDArray[np.uint64] | np.uint64]]
    if attribution is None:
        found = (_of_tag(facts, reader, columns, pairs) for pairs in _pairs(snapshot, facts, columns))
    else:
        texts = _texts(snapshot, facts, columns, attribution)
        found = ((_of_run(facts, reader, attribution, some), NO_SEQUENCE) for some in texts)
    for ids, sequences in found:
        fresh = rows.extend(len(ids))
        fresh["hi"], fresh["lo"], fresh["seq"] = ids["hi"], ids["lo"], sequences
        progress(_STAGE, len(rows), None)
    return rows.finish(), reader.names


def custom_rows_by_id(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, ids: NDArray[np.void], names: Mapping[bytes, str]
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return those of `ids` (IDS) that the table has, each once, and the texts there of those not decodable.

    Args:
        names: texts of those of `ids` that cannot be decoded from their bytes.

    Raises:
        DatabaseProblem: PostgreSQL failed.
    """
    reader = IdReader(facts.contract.id_kind)
    asked = IdTexts(facts.contract.id_kind, names).many(ids["hi"], ids["lo"])
    found = [text for texts in _rows_by_text(snapshot, facts, columns, asked) for text in texts]
    there, valid = reader.of_events([text.rstrip(" ") if columns.padded else text for text in found])
    return np.unique(there[valid]), reader.names


def _rows_by_text(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, texts: list[str]) -> Iterator[list[str]]:
    """Yield texts of the ids of rows that have one of `texts`, in any spelling of the same id."""
    names = sql.column_names(facts.contract.table)
    query = sql.SQL(_IDS).format(**names) + sql.is_any_of(names["id"], columns.id)
    spelled = written(columns.id, texts, snapshot)
    for at in range(0, len(spelled), ASKED):
        yield snapshot.value(query, {"ids": spelled[at : at + ASKED]}) or []


def _of_tag(
    facts: RunFacts, reader: IdReader, columns: OrderColumns, pairs: list[str]
) -> tuple[NDArray[np.void], NDArray[np.uint64]]:
    """Return ids and sequence numbers of those of `pairs` (tag, blank, id) that are of the run."""
    # A text column may have blanks at the end of the tag, and one may be within an id.
    parts = [pair.split(" ", 1) for pair in pairs]
    of_run, sequences, _ = sequences_of([tag for tag, _ in parts], np.uint64(facts.run_key.upper))
    texts = [text.lstrip(" ") if columns.tag is IdKind.TEXT else text for _, text in parts]
    return _ids(facts, reader, [texts[at] for at in np.flatnonzero(of_run).tolist()]), sequences[of_run]


def _pairs(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns) -> Iterator[list[str]]:
    """Yield texts of tag, blank and id: all rows that may be of the run."""
    table, key = facts.contract.table, facts.run_key
    condition, begins = tag_condition(columns.tag or IdKind.TEXT, key)
    query = sql.SQL(_PAIRS + condition).format(**sql.column_names(table))
    if columns.tag is IdKind.UUID:
        values = values_by_tags(snapshot, table, key, SLICE, query)
    else:
        values = values_by_pages(snapshot, table.name, PAGES, query, begins)
    yield from (value or [] for value in values)


def _texts(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, attribution: Attribution) -> Iterator[list[str]]:
    """Yield texts of ids: all rows that may be of the run."""
    table, acknowledged = facts.contract.table, attribution.acknowledged
    if attribution.kind != EXCLUSIVE and columns.id is not IdKind.TEXT:
        texts = IdTexts(facts.contract.id_kind).many(acknowledged["hi"], acknowledged["lo"])
        yield from _rows_by_text(snapshot, facts, columns, texts)
        return
    # Texts are compared in any of their spellings, and a query cannot contain a digest: all ids are read.
    condition, bound = sql.SQL("true").format(), {}
    if attribution.kind == EXCLUSIVE:
        condition = sql.SQL("{} > %(since)s").format(sql.identifier(table.time_column))
        bound = {"since": start_time(facts)}
    query = sql.SQL(_IDS).format(**sql.column_names(table)) + condition
    yield from (value or [] for value in values_by_pages(snapshot, table.name, PAGES, query, bound))


def _ids(facts: RunFacts, reader: IdReader, texts: list[str]) -> NDArray[np.void]:
    """Return the ids of rows of the run as an array of IDS.

    Raises:
        DatabaseProblem: one of them is none of the kind that the run's orders have.
    """
    ids, valid = reader.of_events(texts)
    if not valid.all():
        wrong = texts[int(np.flatnonzero(~valid)[0])]
        held = (
            f"holds {wrong[:40]!r}, which is no {facts.contract.id_kind.value} id"
            if wrong
            else "is empty in a row of the run"
        )
        raise DatabaseProblem(f"column {facts.contract.table.id_column} of {facts.contract.table.name} {held}")
    return ids


def _of_run(facts: RunFacts, reader: IdReader, attribution: Attribution, texts: list[str]) -> NDArray[np.void]:
    """Return the ids of those rows, by the texts of their ids, that are of the run."""
    ids, valid = reader.parse(texts)
    if attribution.kind == EXCLUSIVE and not valid.all():
        _ids(facts, reader, texts)
    ours = valid & attribution.of_run(ids)
    return _ids(facts, reader, [texts[at] for at in np.flatnonzero(ours).tolist()])
