"""Rows of a run whose orders carry no tag of it: all since its start (`exclusive`), or those that were acknowledged.

"Since the start" is told by the table's own time column against the row of the check order that preflight placed: both
were stamped by the service, so no clock of the harness's is compared with another.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE, Attribution
from contract.ids import IDS
from contract.run_events import NO_SEQUENCE
from reconcile.history.history import ROW, Progress
from reconcile.witnesses.table_slices import page_slices
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot, identifier, table_name

# Pages a question: 20,000 of them hold some 2 million rows at most, 32 MB of ids, far from the 1 GB of one value.
PAGES: Final = 20_000
ASKED: Final = 50_000
_STAGE: Final = "rows"

_SINCE: Final = """SELECT string_agg(uuid_send(id), ''::bytea) FROM {orders}
WHERE {time} > %(since)s"""
_NAMED: Final = """SELECT string_agg(uuid_send(o.id), ''::bytea) FROM {orders} o WHERE o.id IN (
SELECT encode(substring(%(ids)b FROM 16 * i + 1 FOR 16), 'hex')::uuid FROM generate_series(0, %(count)s - 1) i)"""


def untagged_rows(
    snapshot: Snapshot, facts: RunFacts, attribution: Attribution, progress: Progress
) -> NDArray[np.void]:
    """Return the run's rows as an array of ROW without sequence numbers.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the run does not know when it began by the table's own time.
    """
    ids = _since(snapshot, facts, progress) if attribution.kind == EXCLUSIVE else _named(snapshot, facts, attribution)
    ids = ids[attribution.of_run(ids)]
    rows = np.empty(len(ids), dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = ids["hi"], ids["lo"], NO_SEQUENCE
    progress(_STAGE, len(rows), None)
    return rows


def _since(snapshot: Snapshot, facts: RunFacts, progress: Progress) -> NDArray[np.void]:
    if facts.database_time is None:
        raise DatabaseProblem(
            f"the run did not note `{facts.contract.table.time_column}` of its check order: rows since its "
            "start are not known"
        )
    query = sql.SQL(_SINCE).format(
        orders=table_name(facts.contract.table.name), time=identifier(facts.contract.table.time_column)
    )
    parts: list[bytes] = []
    for here, bounds in page_slices(snapshot, facts.contract.table.name, PAGES):
        parts.append(snapshot.value(query + here, {"since": facts.database_time, **bounds}) or b"")
        progress(_STAGE, sum(map(len, parts)) // IDS.itemsize, None)
    return np.frombuffer(b"".join(parts), dtype=IDS)


def _named(snapshot: Snapshot, facts: RunFacts, attribution: Attribution) -> NDArray[np.void]:
    query = sql.SQL(_NAMED).format(orders=table_name(facts.contract.table.name))
    slices = [attribution.acknowledged[at : at + ASKED] for at in range(0, len(attribution.acknowledged), ASKED)]
    found = [snapshot.value(query, {"ids": part.tobytes(), "count": len(part)}) or b"" for part in slices]
    return np.frombuffer(b"".join(found), dtype=IDS)
