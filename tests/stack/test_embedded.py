"""The embedded stack on real parts: up, down, broken, mended, and looked at by another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.__main__ import main
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.health import check_http, check_sql
from stack.settings import ServiceSettings, StackSettings
from stack.store import CHECKOUT, HOME_VARIABLE
from tests.conftest import Infra, RestartableBroker

pytestmark = pytest.mark.real

RECORDS = 3000
# Without the quick-restart settings a broker takes about 12 s; with them 2 to 3 s on an idle machine of two cores.
RESTART_S = 8.0

GEVENT_HARNESS = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, os, sys, time
from pathlib import Path
from stack.embedded import EmbeddedStack

gaps = []
def beat():
    last = time.monotonic()
    while True:
        gevent.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
gevent.spawn(beat)
stack = EmbeddedStack(Path(sys.argv[1]))
first = stack.broker.pid
os.kill(first, 0)
for broken in (stack.broker, stack.database, stack.service):
    broken.stop(10)
    assert not broken.is_alive(), broken.name
    broken.start()
    assert broken.is_alive(), broken.name
    broken.kill()
    assert not broken.is_alive(), broken.name
    broken.start()
    broken.pause()
    assert broken.is_alive(), broken.name
    broken.resume()
print("longest gap", max(gaps))
assert max(gaps) < 0.5, max(gaps)
for mended in (stack.broker, stack.database, stack.service):
    mended.wait_ready(30)
assert stack.broker.pid != first
os._exit(0)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    embedded = EmbeddedStack(tmp_path_factory.mktemp("embedded") / "stack")
    try:
        embedded.up(owner="test")
        yield embedded
    finally:
        embedded.clean()


def test_up_twice_starts_nothing_anew(stack: EmbeddedStack) -> None:
    before = stack.up(owner="test").pids
    assert set(before) == {"database", "broker", "service"}
    begun = time.monotonic()
    assert stack.up(owner="somebody else").pids == before
    assert time.monotonic() - begun < 3
    state = stack.status()
    assert state is not None
    assert state.owner == "test"
    assert all(health.ok for health in stack.health().values())


def test_other_settings_restart_the_service_alone(stack: EmbeddedStack) -> None:
    before = stack.up(owner="test")
    after = stack.up(StackSettings(service=ServiceSettings(pool_size=4)), owner="test")
    assert after.pids["service"] != before.pids["service"]
    assert after.service_url == before.service_url
    assert {k: v for k, v in after.pids.items() if k != "service"} == {
        k: v for k, v in before.pids.items() if k != "service"
    }


@pytest.mark.parametrize("name", ["database", "broker", "service"])
def test_dead_component_is_started_by_the_next_up(stack: EmbeddedStack, name: str) -> None:
    before = stack.up(owner="test")
    component = {each.name: each for each in stack.components}[name]
    component.kill()
    assert not stack.health()[name].ok
    after = stack.up(owner="test")
    assert [key for key, pid in after.pids.items() if pid != before.pids[key]] == [name]
    assert after.port(name) == before.port(name)


def test_paused_component_is_resumed_by_the_next_up(stack: EmbeddedStack) -> None:
    before = stack.up(owner="test").pids
    stack.database.pause()
    assert stack.up(owner="test").pids == before
    assert stack.health()["database"].ok


def test_stop_reaches_a_paused_component(stack: EmbeddedStack) -> None:
    stack.up(owner="test")
    stack.database.pause()
    stack.database.stop(10)
    assert not stack.database.is_alive()


def test_harness_under_gevent_breaks_and_mends_what_another_process_started(stack: EmbeddedStack) -> None:
    stack.up(owner="test")
    done = subprocess.run(
        [sys.executable, "-c", GEVENT_HARNESS, str(stack.home)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(health.ok for health in stack.health().values())


def test_database_keeps_committed_rows_through_sigkill(stack: EmbeddedStack) -> None:
    import psycopg

    state = stack.up(owner="test")
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        for number in range(200):
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        stack.database.kill()
    stack.database.start()
    stack.database.wait_ready(30)
    with psycopg.connect(state.database_url) as connection:
        assert connection.execute("SELECT count(DISTINCT n) FROM kept").fetchone() == (200,)


def test_no_secret_in_argv_or_logs(stack: EmbeddedStack) -> None:
    state = stack.up(owner="test")
    secret = "mars:mars"
    for pid in state.pids.values():
        assert secret not in Path(f"/proc/{pid}/cmdline").read_text()
    for path in state.log_paths.values():
        assert secret not in path.read_text(errors="replace")
    assert not list(stack.home.rglob("database.word"))


def produce(bootstrap: str, topic: str, count: int) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    failures: list[object] = []
    for number in range(count):
        producer.produce(topic, value=str(number).encode(), on_delivery=lambda e, _: failures.append(e) if e else None)
        producer.poll(0)
    assert producer.flush(30) == 0
    assert failures == []


def consume(bootstrap: str, topic: str, count: int) -> set[int]:
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    seen: set[int] = set()
    deadline = time.monotonic() + 30
    while len(seen) < count and time.monotonic() < deadline:
        for message in consumer.consume(1000, timeout=0.5):
            value = message.value()
            if value is not None and message.error() is None:
                seen.add(int(value))
    consumer.close()
    return seen


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_broker_is_back_soon_and_has_lost_nothing(infra: Infra, broker: RestartableBroker, way: str) -> None:
    topic = infra.new_topic()
    produce(infra.kafka_bootstrap, topic, RECORDS)
    before = broker.process.pid
    getattr(broker, way)()
    assert not broker.process.is_alive()
    begun = time.monotonic()
    broker.start()
    took = time.monotonic() - begun
    assert broker.process.pid != before
    assert consume(infra.kafka_bootstrap, topic, RECORDS) == set(range(RECORDS))
    print(f"back {took:.2f} s after {way}")  # noqa: T201
    assert took < RESTART_S


def test_failure_of_one_stops_what_was_started(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path / "stack")
    try:
        stack.up(owner="test", with_service=False)
        stack.down()
        postgres = next(stack.home.rglob("postgresql.conf"), None) or next(
            Path("/tmp").glob("locust-chaos-harness-*/database/postgresql.conf")
        )
        with postgres.open("a") as stream:
            stream.write("\nno_such_setting = on\n")
        with pytest.raises(StackError, match=r"PostgreSQL ended .* its log says:[\s\S]*no_such_setting"):
            stack.up(owner="test", with_service=False)
        assert not stack.broker.is_alive()
        assert not stack.database.is_alive()
    finally:
        stack.clean()
    assert not stack.home.exists()


def test_two_stacks_side_by_side_and_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], infra: Infra
) -> None:
    """Beside the session's stack, one of the command line's own, from up to clean."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    assert main(["status"]) == 3
    assert main(["down"]) == 0
    try:
        assert main(["up"]) == 0
        out = capsys.readouterr().out
        for step in ("database", "broker", "service", "stack"):
            assert any(line.startswith(step) and " ready " in line for line in out.splitlines()), out
        assert main(["status", "--json"]) == 0
        text = capsys.readouterr().out
        document = json.loads(text)
        assert document["up"] is True
        assert document["topic"] == "order.created"
        assert "mars:mars" not in text
        assert check_http(document["service_url"] + "/actuator/health", 5).ok
        assert check_sql(infra.database_url, 5).ok
        os.kill(document["components"]["broker"]["pid"], 9)
        assert main(["status"]) == 3
        port = document["ports"]["database"]
        with pytest.raises(StackError, match=f"--service-port {port} is taken"):
            EmbeddedStack().up(StackSettings(service_port=port))
        assert main(["up", "--service-port", str(port)]) == 4
        assert main(["down"]) == 0
        assert main(["up", "--without-service", "--kafka-port", str(document["ports"]["broker"])]) == 0
    finally:
        assert main(["clean"]) == 0
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("arguments", [["up", "--service-pool-size", "0"], ["up", "--kafka-port", "70000"]])
def test_usage_errors_are_exit_2_and_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
