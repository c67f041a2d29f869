"""An audit of a standby: it may lag behind, so events without a row are only suspected there."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from reconcile.__main__ import main
from stack.embedded import EmbeddedStack

pytestmark = pytest.mark.real


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[EmbeddedStack]:
    made = EmbeddedStack(tmp_path / "stack")
    made.up(owner="pytest", with_service=False)
    yield made
    made.clean()


def restart(stack: EmbeddedStack, *, standby: bool = False) -> None:
    stack.database.stop()
    if standby:
        (stack.database.data_folder / "standby.signal").touch()
    stack.database.start()
    stack.database.wait_ready(30)


def test_phantoms_on_a_standby_are_suspected(stack: EmbeddedStack, capsys: pytest.CaptureFixture[str]) -> None:
    state = stack.status()
    assert state is not None
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_level = 'replica'")
    restart(stack)
    whole, gone, phantom = (str(uuid.uuid4()) for _ in range(3))
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE watched (id uuid PRIMARY KEY, created_at timestamptz)")
        for order in (whole, gone):
            connection.execute("INSERT INTO watched VALUES (%s, now() - interval '10 minutes')", (order,))
    producer = Producer({"bootstrap.servers": state.kafka_bootstrap})
    for order in (whole, phantom):
        producer.produce(state.topic, key=order, value=json.dumps({"orderId": order}).encode())
    assert producer.flush(20) == 0

    def audited(*options: str) -> tuple[int, dict[str, object]]:
        where = ["--database-url", state.database_url, "--kafka-bootstrap", state.kafka_bootstrap]
        what = ["--orders-table", "watched", "--since", "20m", "--grace", "0s", "--json"]
        capsys.readouterr()
        code = main(["audit", *where, *what, *options])
        return code, json.loads(capsys.readouterr().out)

    code, found = audited("--expect", "phantom-events")
    assert (code, found["phantoms_suspected"]) == (0, False)
    restart(stack, standby=True)
    code, found = audited("--expect", "phantom-events")
    assert (code, found["verdict"], found["phantoms_suspected"]) == (1, "inconsistent", True)
    assert found["phantom_events"] == [phantom]
    assert [one["order_id"] for one in found["lost_events"]] == [gone]  # type: ignore[attr-defined]
    with psycopg.connect(state.database_url) as connection:
        (recovering,) = connection.execute("SELECT pg_is_in_recovery()").fetchone() or (None,)
    assert recovering is True
