"""Probers of a real PostgreSQL and a real Kafka: healthy, stopped, killed and frozen ones."""

import time
from collections.abc import Iterator

import pytest

from health.probers import Probers, open_probers
from health.replies import Reply
from health.spec import ProbeSpec
from stack.component import ManagedProcess
from tests.conftest import Infra, RestartableBroker
from tests.health.awaited_answers import until

pytestmark = pytest.mark.real


@pytest.fixture
def database(infra: Infra) -> Iterator[ManagedProcess]:
    """The session's PostgreSQL for a test that breaks it; running and answering again afterwards."""
    server = infra.stack.database
    yield server
    server.resume()
    server.start()
    server.wait_ready(30)


def sql(infra: Infra) -> Probers:
    both = open_probers(ProbeSpec("sql", infra.database_url))
    assert until(both.kept, "answered", 2.0)
    assert until(both.new, "answered", 2.0)
    return both


def assert_hangs_while_paused(both: Probers, server: ManagedProcess | RestartableBroker) -> None:
    """Both connections hang while the server is paused, and it is still the same kept connection afterwards."""
    server.pause()
    begun = time.monotonic()
    assert [both.kept.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    assert [both.new.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    assert time.monotonic() - begun < 20
    server.resume()
    assert set(until(both.kept, "answered", 1.0)) <= {"hanging", "answered"}
    assert until(both.new, "answered", 2.0)
    both.close()


def test_postgresql_paused_hangs_on_both_and_keeps_the_connection(infra: Infra, database: ManagedProcess) -> None:
    assert_hangs_while_paused(sql(infra), database)


@pytest.mark.parametrize("act", ["stop", "kill"])
def test_postgresql_gone_broke_the_kept_connection_and_refuses_new_ones(
    infra: Infra, database: ManagedProcess, act: str
) -> None:
    both = sql(infra)
    getattr(database, act)()
    assert both.kept.ask(1.0).how == "broken"
    assert both.kept.ask(1.0).how == "refused"
    assert both.new.ask(1.0).how == "refused"
    database.start()
    assert until(both.kept, "answered", 1.0)
    assert until(both.new, "answered", 1.0)
    both.close()


def test_a_wrong_password_is_a_refusal(infra: Infra) -> None:
    before, _, after = infra.database_url.partition("://")
    user, _, place = after.rpartition("@")
    both = open_probers(ProbeSpec("sql", f"{before}://{user.partition(':')[0]}:wr0ng@{place}"))
    refusal = Reply("refused", 'password authentication failed for user "mars"')
    assert both.new.ask(3) == both.kept.ask(3) == refusal
    both.close()


def kafka(infra: Infra) -> Probers:
    both = open_probers(ProbeSpec("kafka", infra.kafka_bootstrap))
    assert until(both.kept, "answered", 2.0)
    assert until(both.new, "answered", 2.0)
    return both


def test_kafka_paused_hangs_on_both(infra: Infra, broker: RestartableBroker) -> None:
    assert_hangs_while_paused(kafka(infra), broker)


@pytest.mark.parametrize("act", ["stop", "kill"])
def test_kafka_gone_broke_the_kept_connection_and_refuses_new_ones(
    infra: Infra, broker: RestartableBroker, act: str
) -> None:
    both = kafka(infra)
    getattr(broker, act)()
    assert both.new.ask(1.0).how == "refused"
    results = until(both.kept, "refused")
    assert "broken" in results
    assert "answered" not in results
    broker.start()
    assert until(both.kept, "answered", 1.0)
    assert until(both.new, "answered", 1.0)
    both.close()


def test_a_hung_client_is_replaced_in_time(
    infra: Infra, broker: RestartableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("health.kept_kafka.PATIENCE_S", 0.5)
    both = kafka(infra)
    broker.pause()
    begun = time.monotonic()
    results = [both.kept.ask(0.3).how for _ in range(6)]
    assert set(results) == {"hanging"}
    assert time.monotonic() - begun < 20
    broker.resume()
    assert until(both.kept, "answered", 1.0)
    both.close()
