"""Which rows and events are the run's: pure membership, and real rows of a table without a tag."""

import uuid
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.attribution import ACKNOWLEDGED_ONLY, EXCLUSIVE, Attribution
from contract.ids import IDS, among
from reconcile.history.history import ids_of
from reconcile.history.run_attribution import attribution_of
from reconcile.witnesses.rows import read_rows
from runlog import marks as m
from runlog.clock import AnchoredClock
from runlog.ledger import Ledger
from runlog.marks import Mark
from tests.conftest import Infra
from tests.reconcile.core.run_builder import KEY, T0, RunBuilder, facts, order_id


def ids(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    return np.array([(value >> 64, value & (2**64 - 1)) for value in numbers], dtype=IDS)


@given(st.lists(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_membership_agrees_with_sets(wanted: list[int], known: set[int]) -> None:
    # Both halves vary and meet: 0..40 spread over six upper words.
    spread = [(number % 6) << 64 | number for number in wanted]
    among_known = among(ids(*spread), np.unique(ids(*[(number % 6) << 64 | number for number in known])))
    assert among_known.tolist() == [number in known for number in wanted]


def test_check_orders_of_the_harness_are_its_own() -> None:
    builder = RunBuilder().order(0, 1).order(1, 2)
    builder.mark(m.DRAINED, own_orders=[str(order_id(500))])
    found = attribution_of(replace(builder.facts, attribution=EXCLUSIVE), builder.history().ledger, builder.marks)
    assert found.of_run(ids(order_id(500).int, order_id(999_999).int, order_id(7).int)).tolist() == [False, False, True]


def test_acknowledged_ids_are_those_of_the_answers() -> None:
    builder = RunBuilder().order(0, 1).unanswered(1, 2)
    found = attribution_of(replace(builder.facts, attribution=ACKNOWLEDGED_ONLY), builder.history().ledger, [])
    assert found.of_run(ids(order_id(0).int, order_id(1).int)).tolist() == [True, False]


# Plain, in partitions, and with all its rows in a table that inherits: none of them may be overlooked.
SHAPES = {
    "plain": ["CREATE TABLE plain_orders (id uuid, made timestamp NOT NULL)"],
    "partitioned": [
        "CREATE TABLE plain_orders (id uuid, made timestamp NOT NULL) PARTITION BY HASH (id)",
        "CREATE TABLE plain_orders_0 PARTITION OF plain_orders FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE plain_orders_1 PARTITION OF plain_orders FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ],
    "inherited": [
        "CREATE TABLE plain_orders (id uuid, made timestamp NOT NULL)",
        "CREATE TABLE plain_orders_0 () INHERITS (plain_orders)",
    ],
}


@pytest.mark.real
@pytest.mark.parametrize("shape", SHAPES)
def test_real_rows_since_the_check_order(infra: Infra, shape: str) -> None:
    before, check, own, after = (uuid.uuid4() for _ in range(4))
    with psycopg.connect(infra.database_url, autocommit=True) as connection:
        try:
            for statement in SHAPES[shape]:
                connection.execute(statement.encode())
            filled = b"plain_orders_0" if shape == "inherited" else b"plain_orders"
            for place, order in enumerate((before, check, own, after)):
                insert = b"INSERT INTO " + filled + b" VALUES (%s, %s)"
                connection.execute(insert, (order, f"2026-11-24T10:00:0{place}"))
            known = facts(
                orders_table="plain_orders",
                orders_time_column="made",
                database_time="2026-11-24T10:00:01",
                attribution=EXCLUSIVE,
            )
            clock = AnchoredClock(T0, 0.0)
            mine = Attribution(EXCLUSIVE, np.unique(ids(check.int, own.int)), ids())
            witness = read_rows(infra.database_url, known, clock, lambda *_: None, attribution=mine)
            assert witness.complete, witness.problem
            assert ids_of(witness.rows).tobytes() == after.bytes
            acknowledged = Attribution(ACKNOWLEDGED_ONLY, ids(), np.unique(ids(before.int, uuid.uuid4().int)))
            witness = read_rows(infra.database_url, known, clock, lambda *_: None, attribution=acknowledged)
            assert ids_of(witness.rows).tobytes() == before.bytes
            unknown = replace(known, database_time=None)
            witness = read_rows(infra.database_url, unknown, clock, lambda *_: None, attribution=mine)
            assert not witness.complete
            assert witness.problem is not None
            assert "rows since its start are not known" in witness.problem
        finally:
            connection.execute("DROP TABLE IF EXISTS plain_orders CASCADE")


def test_ledger_and_marks_without_orders() -> None:
    empty = Ledger(KEY, RunBuilder().history().ledger.attempts, closed=True, due=0, missing=0, torn_bytes=0)
    found = attribution_of(facts(check_order=None), empty, [Mark(T0, m.STARTED)])
    assert len(found.canaries) == len(found.acknowledged) == 0
