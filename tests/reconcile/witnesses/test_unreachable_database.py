"""The witness "row" when PostgreSQL is slow, silent, down or refuses the password."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from psycopg import sql

from contract.ids import IDS
from contract.run_key import RunKey
from reconcile.history.history import ROW, RowsWitness
from reconcile.witnesses.rows import look_elsewhere
from stores import connection, postgres
from stores.postgres import DatabaseProblem, Limits, open_transaction
from tests.conftest import Infra
from tests.reconcile.witnesses.row_reading import read
from tests.reconcile.witnesses.witness_data import facts_of, ids_array

pytestmark = pytest.mark.real

SLOW = sql.Composed([sql.SQL("SELECT pg_sleep(20)::text")])


def test_the_server_gives_up_a_statement_that_takes_too_long(url: str) -> None:
    with pytest.raises(DatabaseProblem, match="statement timeout"), open_transaction(url, Limits(0.3)) as snapshot:
        snapshot.value(SLOW, {})


def test_we_give_up_a_server_that_does_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GRACE_S", -59.5)
    monkeypatch.setattr(connection, "CONNECT_S", 60)
    started = time.monotonic()
    with (
        pytest.raises(DatabaseProblem, match="did not answer in time"),
        open_transaction(url, Limits(60.0)) as snapshot,
    ):
        snapshot.value(SLOW, {})
    assert time.monotonic() - started < 30


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that accepts and never says a word, as a stopped server does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("postgresql://mars:hunter2@127.0.0.1:{closed}/orders_db", "refused"),
        ("postgresql://mars:hunter2@127.0.0.1:{mute}/orders_db", "no answer in time"),
        ("postgresql://mars:hun@ter2@/orders_db", "an @ where a host or a name belongs"),
        ("host=127.0.0.1 hunter2", "--database-url cannot be read"),
        ("postgresql://mars:hunter2@127.0.0.1:{closed}/orders_db?hunter2=1", "--database-url cannot be read"),
        ("hunter2", "--database-url cannot be read"),
    ],
)
def test_a_database_that_is_down(dsn: str, says: str, mute_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_S", 2)
    monkeypatch.setattr(postgres, "PAUSE_S", 0.1)
    started = time.monotonic()
    witness = read(dsn.format(closed=free_port(), mute=mute_port), RunKey.random())
    assert time.monotonic() - started < 15
    assert not witness.complete
    assert witness.taken_at is None
    assert (len(witness.rows), len(witness.pending)) == (0, 0)
    assert witness.problem is not None
    assert says in witness.problem
    assert "ter2" not in witness.problem
    assert "\n" not in witness.problem


def test_a_wrong_password_is_not_shown(infra: Infra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PAUSE_S", 0.1)
    port = infra.database_url.rpartition(":")[2].split("/")[0]
    witness = read(f"postgresql://nobody:hunter2@127.0.0.1:{port}/orders_db", RunKey.random())
    assert not witness.complete
    assert witness.problem is not None
    assert "hunter2" not in witness.problem


def test_looking_elsewhere_without_a_database_makes_the_witness_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "TRIES", 1)
    nothing = np.empty(0, dtype=IDS)
    good = RowsWitness(np.empty(0, dtype=ROW), nothing, nothing, 1.0, complete=True)
    url = f"postgresql://mars:hunter2@127.0.0.1:{free_port()}/orders_db"
    assert look_elsewhere(url, good, nothing, facts_of(RunKey.random())).complete
    asked = look_elsewhere(url, good, ids_array([uuid.uuid4()]), facts_of(RunKey.random()))
    assert not asked.complete
    place = url.partition("@")[2].partition("/")[0]
    assert asked.problem == f"PostgreSQL cannot be reached at {place}: the connection was refused"
