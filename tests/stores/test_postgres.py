"""Connections to a real PostgreSQL: nothing is added to what the user gave, and any encoding can be read."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from stores import connection as connections
from stores.postgres import DatabaseProblem, Limits, PostgresConnection, open_transaction
from stores.sql import table_name
from tests.conftest import Infra

pytestmark = pytest.mark.real
SETTINGS = sql.SQL("SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE source = 'client'").format()
ONE = sql.SQL("SELECT 1").format()


class Tap:
    """Passes one connection at a time through to PostgreSQL, and keeps what the client sends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, keep: bool) -> None:
        try:
            while data := source.recv(65_536):
                if keep:
                    self.sent += data
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def close(self) -> None:
        self._server.close()

    def startup(self) -> dict[str, str]:
        """The parameters of the start-up packet; a request for TLS or GSSAPI before it is passed over."""
        at = 0
        while (length := int.from_bytes(self.sent[at : at + 4])) == 8:
            at += 8
        words = self.sent[at + 8 : at + length].split(b"\0")
        return {name.decode(): value.decode() for name, value in zip(words[::2], words[1::2], strict=False) if name}


@contextmanager
def tapped(infra: Infra) -> Iterator[tuple[Tap, str]]:
    account, _, place = infra.database_url.rpartition("@")
    host_port, _, name = place.partition("/")
    tap = Tap(int(host_port.rpartition(":")[2]))
    try:
        yield tap, f"{account}@127.0.0.1:{tap.port}/{name}?sslmode=disable"
    finally:
        tap.close()


def test_nothing_is_added_to_the_start_up_packet(infra: Infra) -> None:
    with tapped(infra) as (tap, url):
        with open_transaction(url) as snapshot:
            assert snapshot.value(ONE, {}) == 1
        assert tap.startup().keys() == {"user", "database"}


def test_the_users_own_options_pass_unchanged(infra: Infra) -> None:
    options = "-c search_path=shop -c statement_timeout=7s -c lock_timeout=3s"
    with tapped(infra) as (tap, url):
        given = f"{url}&options={options.replace(' ', '%20').replace('=', '%3D')}&application_name=mine"
        with open_transaction(given) as snapshot:
            path = snapshot.value(sql.SQL("SELECT current_setting('search_path')").format(), {})
            lock = snapshot.value(sql.SQL("SELECT current_setting('lock_timeout')").format(), {})
        assert (path, lock) == ("shop", "3s")
        assert tap.startup() | {"user": "", "database": ""} == {
            "user": "", "database": "", "options": options, "application_name": "mine",
        }  # fmt: skip


def test_several_hosts_and_what_they_must_be(infra: Infra) -> None:
    account, _, place = infra.database_url.rpartition("@")
    host_port, _, name = place.partition("/")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    url = f"{account}@127.0.0.1:{closed},{host_port}/{name}?target_session_attrs="
    with open_transaction(f"{url}primary") as snapshot:
        assert snapshot.value(ONE, {}) == 1
    with pytest.raises(DatabaseProblem) as refused, open_transaction(f"{url}standby"):
        pass
    assert "server is not in hot standby mode" in str(refused.value)
    assert "target_session_attrs=standby, from the connection string" in str(refused.value)


def test_no_state_of_a_session_is_left(infra: Infra) -> None:
    """Another user of the same server connection (a pooler that shares it by transactions) finds it as it was."""
    connection = PostgresConnection(infra.database_url)
    question = sql.SQL("SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE source = 'session'").format()
    try:
        for _ in range(3):
            with connection.transaction(Limits(5.0, 1.0)) as transaction:
                limit = sql.SQL("SELECT current_setting('statement_timeout')").format()
                assert transaction.value(limit, {}) == "5s"
        raw = connection._connection
        assert raw is not None
        assert raw.execute(question).fetchone() == (None,)
        assert raw.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert raw.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    finally:
        connection.close()


def test_reading_changes_nothing_and_writing_needs_a_commit(infra: Infra) -> None:
    url = infra.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (word text)")
    insert = sql.SQL("INSERT INTO notes VALUES ('x')")
    with pytest.raises(DatabaseProblem, match="read-only transaction"), open_transaction(url) as snapshot:
        snapshot.run(insert, {})
    count = sql.SQL("SELECT count(*) FROM notes").format()
    with open_transaction(url, Limits(), read_only=False) as transaction:
        assert transaction.run(insert, {}) == (1, [])
    with open_transaction(url) as snapshot:
        assert snapshot.value(count, {}) == 0
    with open_transaction(url, Limits(), read_only=False) as transaction:
        transaction.run(insert, {})
        transaction.commit()
    with open_transaction(url) as snapshot:
        assert snapshot.value(count, {}) == 1


def test_a_lost_connection_is_made_again(infra: Infra) -> None:
    url = infra.new_database()
    connection = PostgresConnection(url)
    try:
        with connection.transaction() as transaction:
            assert transaction.value(ONE, {}) == 1
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with pytest.raises(DatabaseProblem) as lost, connection.transaction() as transaction:
            transaction.value(ONE, {})
        assert lost.value.passing
        with connection.transaction() as transaction:
            assert transaction.value(ONE, {}) == 1
    finally:
        connection.close()


def test_a_silent_server_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECT_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://mars:geheim99@127.0.0.1:{mute.getsockname()[1]}/x?sslmode=disable"
        begun = time.monotonic()
        with pytest.raises(DatabaseProblem, match="no answer in time") as gone, open_transaction(url):
            pass
        assert time.monotonic() - begun < 30
        assert gone.value.passing
        assert "geheim99" not in str(gone.value)


ENCODINGS = ("SQL_ASCII", "LATIN1", "EUC_JP", "WIN1251", "UTF8")
NAMES = {"LATIN1": "größe", "EUC_JP": "注文", "WIN1251": "заказ", "UTF8": "größe", "SQL_ASCII": "größe"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_encoding_names_and_texts(infra: Infra, encoding: str) -> None:
    name, word = f"enc_{uuid.uuid4().hex[:10]}", NAMES[encoding]
    with psycopg.connect(infra.database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE_PROVIDER libc LOCALE 'C'").format(
                sql.Identifier(name), sql.Literal(encoding)
            )
        )
    url = infra.database_url.rpartition("/")[0] + f"/{name}"
    with open_transaction(url, Limits(), read_only=False) as transaction:
        transaction.run(sql.SQL("CREATE TABLE {} (id text)").format(table_name(word)), {})
        transaction.run(sql.SQL("INSERT INTO {} VALUES (%(id)s)").format(table_name(word)), {"id": f"A-{word}"})
        transaction.commit()
    query = sql.SQL("SELECT array_agg(id) FROM {} WHERE id = ANY(%(ids)s::text[])").format(table_name(word))
    with open_transaction(url) as snapshot:
        assert snapshot.value(query, {"ids": [f"A-{word}"]}) == [f"A-{word}"]
        assert snapshot.holds(f"A-{word}")
        assert not snapshot.holds("\ud800")
        assert not snapshot.holds("a\0b")
        assert snapshot.holds("日本") is (encoding in ("UTF8", "SQL_ASCII", "EUC_JP"))
        wide = sql.SQL("SELECT to_jsonb(o)->>'id' FROM {} o").format(table_name(word))
        assert snapshot.value(wide, {}) == f"A-{word}"


def test_bytes_of_no_encoding_are_shown_escaped(infra: Infra) -> None:
    name = f"enc_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(infra.database_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'".encode()
        )
    url = infra.database_url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id text)")
        connection.execute(b"INSERT INTO t VALUES ('Gr\xf6\xdfe')")
    with open_transaction(url) as snapshot:
        for form in ("id", "to_jsonb(t)", "to_jsonb(t)::text"):
            found = snapshot.value(sql.SQL(f"SELECT {form} FROM t").format(), {})
            assert "Gr<F6><DF>e" in (found["id"] if isinstance(found, dict) else found)
