"""Everything that talks to Kafka, against a real one behind SASL_SSL: it works with the right properties, and with
wrong ones one sentence says which is wrong and contains no secret."""

from __future__ import annotations

import socket
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gevent
import psutil
import psycopg
import pytest
from confluent_kafka import Producer

from chaos.monitor.client import MonitorClient
from chaos.run.drain import Drain
from chaos.run.plan import make_plan
from chaos.run.preflight import Preflight
from chaos.run.reconcile_process import ReconcileProcess
from chaos.run.run_progress import Check
from chaos.run.topic import topic_start
from chaos.sut.sut import PreflightError
from contract.run_key import RunKey
from files.safe_files import read_json
from health.check import check_kafka
from reconcile.verify.event_reading import plain_reader
from reconcile.verify.kafka_verifier import events_by_id
from reconcile.witnesses.events import read_events
from runlog.clock import AnchoredClock
from runlog.folder import RunFolder
from settings.kafka_properties import read_properties
from settings.run_settings import make_settings
from stores.kafka_client import KafkaProblem
from tests.chaos.run.scripted_service import answering, make_sut
from tests.chaos.run.test_drain import TASK, FakeMonitor
from tests.conftest import Infra
from tests.kafka_secure import SecureKafka
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts, order_id
from tests.reconcile.witnesses.witness_data import facts_of, order_created, silent
from tests.security.secure_clients import WRONG, WRONG_WORD, assert_clear, put, seen, wrong_client

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_a_file_of_properties_says_all_of_it(secure: SecureKafka, tmp_path: Path) -> None:
    path = secure.config_file(tmp_path)
    properties = read_properties(path)
    assert {"bootstrap.servers": secure.bootstrap, **properties} == secure.client()
    assert path.stat().st_mode & 0o077 == 0
    health = check_kafka(secure.bootstrap, properties, 10.0)
    assert health.ok, health.detail


@pytest.mark.parametrize("case", WRONG)
def test_health_says_which_property_is_wrong(secure: SecureKafka, case: str) -> None:
    client, words = wrong_client(secure, case)
    health = check_kafka(secure.bootstrap, client, 3.0)
    assert not health.ok
    assert_clear(health.detail, words, secure)


def test_tls_to_a_broker_without_it(secure: SecureKafka, infra: Infra) -> None:
    health = check_kafka(infra.kafka_bootstrap, secure.broker.client(), 3.0)
    assert not health.ok
    assert_clear(health.detail, "security.protocol SASL_SSL", secure)


def test_a_broker_that_is_down_is_not_blamed_on_the_properties(secure: SecureKafka) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, but not listening
        health = check_kafka(f"127.0.0.1:{holder.getsockname()[1]}", secure.broker.client(), 2.0)
    assert not health.ok
    assert "--kafka-config" not in health.detail


def test_questions_of_the_harness(secure: SecureKafka, topic: str) -> None:
    start = topic_start(secure.client(), topic)
    assert start is not None
    assert start.topic_id is not None
    assert start.starts == {0: 0, 1: 0, 2: 0}
    order = uuid.uuid4()
    put(secure, topic, (order, uuid.uuid4()))
    assert seen(secure.client(), topic, order, 20.0)
    assert not seen(secure.client(), topic, uuid.uuid4(), 1.0)
    assert topic_start(secure.client(), "no-such-topic") is None


@pytest.mark.parametrize("case", WRONG)
def test_wrong_properties_are_reported_to_the_harness(secure: SecureKafka, topic: str, case: str) -> None:
    client, words = wrong_client(secure, case)
    with pytest.raises(KafkaProblem) as ends:
        topic_start(client, topic)
    assert_clear(str(ends.value), words, secure)


@pytest.mark.parametrize("case", ["password", "ca"])
def test_an_event_is_not_said_to_be_missing_by_who_was_not_let_in(secure: SecureKafka, topic: str, case: str) -> None:
    client, words = wrong_client(secure, case)
    with pytest.raises(KafkaProblem) as event:
        seen(client, topic, uuid.uuid4(), 3.0)
    assert_clear(str(event.value), words, secure)


def test_events_are_read_and_read_again(secure: SecureKafka, topic: str) -> None:
    key, orders = RunKey.random(), [uuid.uuid4() for _ in range(20)]
    put(secure, topic, *((order, key.customer_id(place)) for place, order in enumerate(orders)))
    wanted = facts_of(key, topic=topic, starts={0: 0, 1: 0, 2: 0})
    found = read_events(secure.client(), wanted, wanted.clock, silent)
    assert (found.complete, found.problem, len(found.events)) == (True, None, 20)
    assert found.compacted is False
    again = events_by_id(
        secure.client(), topic, found, {str(orders[0]), str(uuid.uuid4())}, silent, reader=plain_reader(wanted)
    )
    assert (again.seen, again.later) == ({str(orders[0])}, set())


@pytest.mark.parametrize("case", WRONG)
def test_a_reader_that_is_not_let_in(
    secure: SecureKafka, topic: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.topic.ANSWER_S", 2.0)
    monkeypatch.setattr("stores.topic.TRIES", 1)
    client, words = wrong_client(secure, case)
    wanted = facts_of(RunKey.random(), topic=topic)
    found = read_events(client, wanted, wanted.clock, silent)
    assert not found.complete
    assert_clear(str(found.problem), words, secure)
    if case == "password":
        with pytest.raises(KafkaProblem) as problem:
            events_by_id(client, topic, found, set(), silent, reader=plain_reader(wanted))
        assert_clear(str(problem.value), words, secure)


def test_preflight_and_drain(secure: SecureKafka, infra: Infra, topic: str) -> None:
    key = RunKey.random()
    with answering(lambda _: '{"status": "UP"}') as url:
        sut, _ = make_sut(infra, url, topic, secure.client())
        checks: list[Check] = []
        settings = make_settings({"outage": "2s"})
        proven = Preflight(sut, make_plan(settings), checks.append).run()
        assert proven.order is not None
        drain = Drain(
            sut=sut,
            task=replace(TASK, run_key=key),
            monitor=cast("MonitorClient", cast("Any", FakeMonitor())),
            clock=AnchoredClock.anchor(),
            in_flight=lambda: 0,
        )
        result = drain.run(60.0, lambda _: None)
        assert (result.complete, result.missing) == (True, ())
        bad, _ = make_sut(infra, url, topic, secure.client())
        bad.kafka["sasl.password"] = WRONG_WORD
        with pytest.raises(PreflightError) as refused:
            Preflight(bad, make_plan(settings), checks.append).run()
    assert_clear(str(refused.value), WRONG["password"][1], secure)
    assert secure.password not in str(checks) + str(result) + str(proven) + repr(sut)


@pytest.mark.parametrize("where", ["secure", "plain"])
def test_a_run_is_judged_with_the_properties_of_its_own_broker(
    secure: SecureKafka, infra: Infra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Also when the user's environment names a file for another broker: that is not where the events are."""
    kafka = secure.client() if where == "secure" else {"bootstrap.servers": infra.kafka_bootstrap}
    topic = secure.new_topic(1) if where == "secure" else infra.new_topic(1)
    monkeypatch.setenv("LOCUST_KAFKA_CONFIG", str(secure.config_file(tmp_path, sasl_password=WRONG_WORD)))
    start = topic_start(kafka, topic)
    assert start is not None
    # Two of the events are lost, so that the second look asks Kafka once more.
    builder = (
        RunBuilder(facts=facts(topic=start, expect="lost-events"))
        .calm(0)
        .order(6, 12, event=False)
        .order(7, 13, event=False)
    )
    folder = RunFolder(tmp_path / "runs" / builder.facts.run_id)
    builder.write(folder)
    with answering(lambda _: "{}") as url:
        sut, _ = make_sut(infra, url, topic, kafka)
    producer = Producer({**kafka})
    with psycopg.connect(sut.database_url) as connection:
        for number in range(8):
            customer = KEY.customer_id(number)
            connection.execute("INSERT INTO orders VALUES (%s, %s)", [order_id(number), customer])
            if number < 6:
                producer.produce(topic, key=str(order_id(number)), value=order_created(order_id(number), customer))
    assert producer.flush(20) == 0
    judging = ReconcileProcess()
    seen: list[str] = []
    sampler = gevent.spawn(sample, seen)
    gevent.get_hub().threadpool.spawn(judging.judge, folder, sut).get(timeout=120)
    sampler.kill()
    assert any("reconcile" in line for line in seen)
    report: Any = read_json(folder.report)
    index: Any = read_json(folder.witnesses / "witness.json")
    assert (index["events"]["complete"], index["events"]["problem"]) == (True, None)
    assert report["counts"]["events"] == 6
    assert report["counts"]["lost_events"] + report["counts"]["suspected_lost"] == 2
    assert report["confirmation"]["complete"] is True
    everything = "".join(seen) + judging.summary
    everything += "".join(
        path.read_bytes().decode("latin-1")
        for path in tmp_path.rglob("*")
        if path.is_file() and path.suffix != ".properties"
    )
    for secret in (secure.password, WRONG_WORD):
        assert secret not in everything


def sample(seen: list[str]) -> None:
    """Note the command line of each child process, over and over."""
    while True:
        for child in psutil.Process().children(recursive=True):
            try:
                seen.append(" ".join(child.cmdline()))
            except psutil.Error:
                continue
        gevent.sleep(0.02)
