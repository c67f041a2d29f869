"""The witness "row" against real PostgreSQL."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import numpy as np
import psycopg
import pytest

from contract.attribution import Attribution
from contract.contract import contract_from_texts
from contract.ids import IDS, bytes_of, parse_ids
from contract.order_id import IdKind, encode_order_id
from contract.run_key import RunKey
from reconcile.history.history import ROW, ids_of
from reconcile.witnesses import default_rows
from reconcile.witnesses.pending_orders import ids_within
from reconcile.witnesses.rows import ids_in_table, look_elsewhere, read_rows, without_row
from tests.reconcile.witnesses.row_reading import read
from tests.reconcile.witnesses.witness_data import CLOCK, facts_of, ids_array, insert_orders, silent, texts

pytestmark = pytest.mark.real


def test_only_the_rows_of_the_run_are_read(url: str) -> None:
    key = RunKey(0x1111111111114111)
    others = [RunKey(key.upper + 1), RunKey(key.upper - 1)]
    ours = {seq: uuid.uuid4() for seq in range(500)}
    table = [(identity, key.customer_id(seq)) for seq, identity in ours.items()]
    for other in others:
        table += [(uuid.uuid4(), other.customer_id(seq)) for seq in range(500)]
    table.append((uuid.uuid4(), uuid.uuid4()))
    table.sort()
    insert_orders(url, table)
    before = CLOCK.now()
    witness = read(url, key)
    assert witness.complete
    assert witness.problem is None
    assert witness.taken_at is not None
    assert before <= witness.taken_at <= CLOCK.now()
    assert witness.rows.dtype == ROW
    assert dict(zip(witness.rows["seq"].tolist(), ids_of(witness.rows), strict=True)).keys() == ours.keys()
    for row in witness.rows:
        assert texts(np.array([(row["hi"], row["lo"])], dtype=IDS)) == [str(ours[int(row["seq"])])]


def test_a_second_row_of_one_attempt_is_a_second_element(url: str) -> None:
    key = RunKey.random()
    first, second = uuid.uuid4(), uuid.uuid4()
    insert_orders(url, [(first, key.customer_id(3)), (second, key.customer_id(3))])
    witness = read(url, key)
    assert witness.rows["seq"].tolist() == [3, 3]
    assert texts(ids_of(witness.rows)) == sorted([str(first), str(second)])


def test_a_run_without_rows(url: str) -> None:
    insert_orders(url, [(uuid.uuid4(), RunKey.random().customer_id(0))])
    witness = read(url, RunKey.random(), outbox_table="outbox")
    assert witness.complete
    assert (len(witness.rows), len(witness.pending), len(witness.elsewhere)) == (0, 0, 0)
    assert witness.rows.dtype == ROW


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_slices_leave_nothing_out_and_nothing_twice(url: str, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(default_rows, "SLICE", size)
    key = RunKey.random()
    sequences = [0, 1, 2, 3, 6, 7, 8, 100, 2**40, 2**40 + 1, 2**62 - 2, 2**62 - 1, 2**62 - 1]
    insert_orders(url, [(uuid.uuid4(), key.customer_id(seq)) for seq in sequences])
    assert sorted(read(url, key).rows["seq"].tolist()) == sequences


def test_all_is_read_in_one_snapshot(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that comes after the snapshot is not in it, although its slice is read later."""
    monkeypatch.setattr(default_rows, "SLICE", 2)
    key = RunKey.random()
    insert_orders(url, [(uuid.uuid4(), key.customer_id(seq)) for seq in range(4)])

    def write_meanwhile(_stage: str, done: int, _total: int | None) -> None:
        if done == 2:
            insert_orders(url, [(uuid.uuid4(), key.customer_id(3)), (uuid.uuid4(), key.customer_id(9))])

    witness = read_rows(url, facts_of(key), CLOCK, write_meanwhile)
    assert sorted(witness.rows["seq"].tolist()) == [0, 1, 2, 3]
    assert sorted(read(url, key).rows["seq"].tolist()) == [0, 1, 2, 3, 3, 9]


def test_pending_are_the_orders_of_the_run_that_the_outbox_still_holds(url: str) -> None:
    key, other = RunKey.random(), RunKey.random()
    held, sent, cancelled, foreign = (uuid.uuid4() for _ in range(4))
    insert_orders(url, [(one, key.customer_id(seq)) for seq, one in enumerate((held, sent, cancelled))])
    insert_orders(url, [(foreign, other.customer_id(0))])
    with psycopg.connect(url) as connection:
        for text, kind, published in [
            (str(held).upper(), "order.created", None),
            (str(sent), "order.created", "2026-11-23"),
            (str(cancelled), "order.cancelled", None),
            (str(foreign), "order.created", None),
            ("customer-17", "order.created", None),
        ]:
            connection.execute("INSERT INTO outbox VALUES (%s, %s, %s)", (text, kind, published))
    assert texts(read(url, key, outbox_table="outbox").pending) == [str(held)]
    assert len(read(url, key).pending) == 0


def test_an_outbox_without_a_type_column(url: str) -> None:
    key, held = RunKey.random(), uuid.uuid4()
    insert_orders(url, [(held, key.customer_id(0))])
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE outbox DROP COLUMN type")
        connection.execute("INSERT INTO outbox (aggregateid) VALUES (%s)", (str(held),))
    assert texts(read(url, key, outbox_table="outbox").pending) == [str(held)]


def test_an_outbox_may_spell_ids_and_types_in_its_own_way(url: str) -> None:
    """Of another service it is not known what it calls an event; the row of the last one carries no tag."""
    key, (plain, braces, placed, urn, without_tag, free) = RunKey.random(), [uuid.uuid4() for _ in range(6)]
    insert_orders(url, [(one, key.customer_id(seq)) for seq, one in enumerate((plain, braces, placed, urn, free))])
    entries = [(plain.hex, None), (f"{{{str(braces).upper()}}}", None), (str(placed), "OrderPlaced"), (urn.urn, None)]
    with psycopg.connect(url) as connection:
        for text, kind in [*entries, (str(without_tag), None), (str(uuid.uuid4()), None)]:
            connection.execute("INSERT INTO outbox VALUES (%s, %s, NULL)", (text, kind))
    facts = replace(facts_of(key), contract=contract_from_texts(outbox_table="outbox"))
    answered = parse_ids([str(without_tag)])[0]
    attribution = Attribution("tagged", answered[:0], answered)
    witness = read_rows(url, facts, CLOCK, silent, attribution=attribution)
    assert texts(witness.pending) == sorted(map(str, (plain, braces, placed, urn, without_tag)))
    assert witness.pending.dtype == IDS
    for id_kind, text, order in ((IdKind.INTEGER, "Order-17", "17"), (IdKind.TEXT, "Order/A-17", "A-17")):
        assert encode_order_id(id_kind, order) in set(bytes_of(ids_within(id_kind, [text])))


def test_one_id_in_several_rows_is_no_order_id(url: str) -> None:
    """A view that joins order lines shows one for each of them."""
    key, order = RunKey.random(), uuid.uuid4()
    insert_orders(url, [(order, key.customer_id(0)), (uuid.uuid4(), key.customer_id(1))])
    with psycopg.connect(url) as connection:
        connection.execute("CREATE VIEW joined AS SELECT o.* FROM orders o, generate_series(1, 2)")
    witness = read(url, key, orders_table="joined")
    assert (witness.complete, len(witness.rows)) == (False, 2)
    assert "in 2 rows of the run: it is not the order id" in (witness.problem or "")


def test_elsewhere_are_events_whose_row_is_outside_the_range(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_rows, "ASKED", 2)
    key = RunKey.random()
    inside, outside, late, phantom = (uuid.uuid4() for _ in range(4))
    insert_orders(url, [(inside, key.customer_id(0)), (outside, uuid.uuid4())])
    facts = facts_of(key)
    events = ids_array([phantom, inside, late, outside, outside])
    witness = read_rows(url, facts, CLOCK, silent)
    assert len(witness.elsewhere) == 0
    insert_orders(url, [(late, key.customer_id(1))])
    assert texts(look_elsewhere(url, witness, events, facts).elsewhere) == sorted([str(outside), str(late)])
    read_now = read_rows(url, facts, CLOCK, silent)
    assert texts(look_elsewhere(url, read_now, events, facts).elsewhere) == [str(outside)]
    assert len(ids_in_table(url, ids_array([]), facts, {})[0]) == 0


def test_table_names_are_quoted_and_may_have_a_schema(url: str) -> None:
    key = RunKey.random()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute('CREATE TABLE shop."Or""ders" (id uuid, customer_id uuid)')
        connection.execute('INSERT INTO shop."Or""ders" VALUES (%s, %s)', (uuid.uuid4(), key.customer_id(5)))
    assert read(url, key, orders_table='shop.Or"ders').rows["seq"].tolist() == [5]


def test_a_missing_table_is_named_at_once(url: str) -> None:
    started = time.monotonic()
    witness = read(url, RunKey.random(), orders_table="purchases")
    assert not witness.complete
    assert witness.problem == "--orders-table purchases: there is no such table; there are orders, outbox"
    assert time.monotonic() - started < 10


def test_a_connection_that_breaks_once_is_made_again(url: str) -> None:
    key = RunKey.random()
    insert_orders(url, [(uuid.uuid4(), key.customer_id(seq)) for seq in range(3)])
    broken: list[int] = []

    def cut_once(_stage: str, _done: int, _total: int | None) -> None:
        if not broken:
            with psycopg.connect(url, autocommit=True) as connection:
                found = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
                broken.append(found.rowcount)

    witness = read_rows(url, facts_of(key), CLOCK, cut_once)
    assert broken == [1]
    assert witness.complete
    assert sorted(witness.rows["seq"].tolist()) == [0, 1, 2]


def test_without_row_compares_both_halves() -> None:
    """Ids that begin with a time share their upper half."""
    ids = [uuid.UUID(int=(7 << 64) | low) for low in range(200)] + [uuid.UUID(int=high << 64) for high in range(200)]
    table = np.zeros(300, dtype=ROW)
    table["hi"], table["lo"] = ids_array(ids[:300])["hi"], ids_array(ids[:300])["lo"]
    assert texts(without_row(ids_array(ids), table)) == sorted(str(one) for one in ids[300:] if one not in ids[:300])
    assert len(without_row(ids_array([]), table)) == 0
    assert len(without_row(ids_array(ids), table[:0])) == len(ids)


def test_without_row_is_not_misled_by_ids_that_share_their_mixed_word() -> None:
    factor, word = 0x9E3779B97F4A7C15, 2**64 - 1
    known = uuid.UUID(int=(5 << 64) | 7)
    twin = uuid.UUID(int=(6 << 64) | ((5 * factor & word) ^ 7 ^ (6 * factor & word)))
    table = np.zeros(1, dtype=ROW)
    table["hi"], table["lo"] = 5, 7
    assert texts(without_row(ids_array([known, twin]), table)) == [str(twin)]
