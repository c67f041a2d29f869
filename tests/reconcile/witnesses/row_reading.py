"""Reading the rows of a run."""

from __future__ import annotations

from contract.run_key import RunKey
from reconcile.history.history import RowsWitness
from reconcile.witnesses.rows import read_rows
from tests.reconcile.witnesses.witness_data import CLOCK, facts_of, silent


def read(url: str, key: RunKey, orders_table: str = "orders", outbox_table: str | None = None) -> RowsWitness:
    facts = facts_of(key, orders_table=orders_table, outbox_table=outbox_table)
    return read_rows(url, facts, CLOCK, silent)
