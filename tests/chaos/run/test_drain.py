"""The drain on real stores: it waits for each thing that may still come, and names what is missing at its cap."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import psycopg
import pytest
from confluent_kafka import Producer

from chaos.monitor.client import Activity, MonitorClient
from chaos.run.drain import Drain, DrainResult, DrainTask
from chaos.sut.sut import SystemUnderTest
from contract.publish_horizon import Horizon, Source
from contract.run_key import RunKey
from runlog.clock import AnchoredClock
from stores.kafka_client import NoSuchTopic
from stores.topic import TopicService, topic_service
from tests.chaos.run.scripted_service import Service, answering, make_sut
from tests.conftest import Infra

pytestmark = pytest.mark.real
KEY = RunKey.random()
NONE = Horizon(0.0, Source.OUTAGE)
TASK = DrainTask(run_key=KEY, settle=0.5, horizon=NONE, delivery_s=None)


class FakeMonitor:
    """A monitor that reports what a test sets."""

    def __init__(self) -> None:
        self.activity = Activity()
        self.alive = True
        self.followed = False

    def follow(self) -> None:
        self.followed = True
        self.activity.own = 0


class Scene:
    def __init__(self, sut: SystemUnderTest, service: Service) -> None:
        self.sut = sut
        self.service = service
        self.monitor = FakeMonitor()
        self.clock = AnchoredClock.anchor()
        self.open_requests = 0
        self.said: list[str] = []

    def drain(self, cap_s: float, **task: Any) -> DrainResult:
        return self.prepared(**task).run(cap_s, self.said.append)

    def prepared(self, in_flight: Callable[[], int] | None = None, **task: Any) -> Drain:
        return Drain(
            sut=self.sut,
            task=replace(TASK, **task),
            monitor=cast("MonitorClient", cast("Any", self.monitor)),
            clock=self.clock,
            in_flight=in_flight or (lambda: self.open_requests),
        )


@pytest.fixture
def backlog() -> list[int]:
    return [0]


@pytest.fixture
def scene(infra: Infra, backlog: list[int]) -> Iterator[Scene]:
    with answering(lambda path: f'{{"pending": {backlog[0]}}}') as base_url:
        yield Scene(*make_sut(infra, base_url))


def test_a_quiet_system_is_drained_after_the_settle_time(scene: Scene) -> None:
    began = scene.clock.now()
    result = scene.drain(10)
    assert (result.complete, result.missing) == (True, ())
    assert len(result.own_orders) == 1
    assert scene.clock.now() - began >= 0.5
    assert scene.monitor.followed


def test_unanswered_requests_keep_it_open(scene: Scene) -> None:
    scene.open_requests = 3
    result = scene.drain(1.5)
    assert not result.complete
    assert "answers to 3 requests" in result.missing


def test_a_backlog_keeps_it_open(scene: Scene, backlog: list[int]) -> None:
    scene.sut = replace(scene.sut, backlog_url=scene.sut.service_url + "/backlog")
    backlog[0] = 7
    assert scene.drain(1.5).missing == ("a backlog of 7 events to go out",)
    backlog[0] = 0
    assert scene.drain(10).complete


def test_a_service_that_does_not_report_its_backlog_keeps_it_open(scene: Scene) -> None:
    scene.sut = replace(scene.sut, backlog_url="http://127.0.0.1:1/backlog")
    assert scene.drain(1.5).missing == ("the service to report its backlog (connection refused)",)


def test_an_incomplete_order_keeps_it_open(scene: Scene) -> None:
    scene.service.event = False
    (missing,) = scene.drain(2.0).missing
    assert missing.startswith("the drain's canary order to be complete")


def test_a_new_event_of_the_run_starts_the_settle_time_again(scene: Scene) -> None:
    scene.monitor.activity.own_changed = scene.clock.now() + 60
    assert scene.drain(2.0).missing == ("0.5 s without a new row or event",)


def test_a_row_that_comes_late_is_waited_for(scene: Scene) -> None:
    def store_late() -> int:
        if scene.clock.now() - began > 1.0 and not stored:
            stored.append(uuid.uuid4())
            with psycopg.connect(scene.sut.database_url) as connection:
                connection.execute("INSERT INTO orders VALUES (%s, %s)", [stored[0], KEY.customer_id(1)])
        return 0

    stored: list[uuid.UUID] = []
    began = scene.clock.now()
    drain = scene.prepared(store_late, settle=1.5)
    assert drain.run(15, scene.said.append).complete
    assert scene.clock.now() - began >= 1.5


def test_a_dead_monitor_keeps_it_open(scene: Scene) -> None:
    scene.monitor.alive = False
    assert scene.drain(2.0).missing == ("the monitor to follow the topic",)


def test_a_database_that_went_down_keeps_it_open(scene: Scene) -> None:
    scene.sut = replace(scene.sut, database_url="postgresql://mars:mars@127.0.0.1:1/orders_db")
    (whole, database) = scene.drain(1.5).missing
    assert database.startswith("the database (")
    assert "mars:mars" not in whole + database


def test_the_publish_horizon_is_awaited_and_logged(scene: Scene) -> None:
    # Answers are awaited until the canary order is complete: the horizon begins after it, however long it takes.
    began = scene.clock.now()
    drain = scene.prepared(
        lambda: int(not scene.said or "canary order" in scene.said[-1]), horizon=Horizon(1.5, Source.OUTAGE)
    )
    result = drain.run(20, scene.said.append)
    assert (result.complete, result.missing) == (True, ())
    assert scene.clock.now() - began >= 1.5
    assert result.waited >= 1.5
    assert any(
        text.startswith("waiting for the publish horizon of 1.5 s (as long as the longest outage), ")
        for text in scene.said
    )


def test_a_late_arrival_begins_the_horizon_again(scene: Scene) -> None:
    scene.monitor.activity.own_changed = came = scene.clock.now() + 1.0
    assert scene.drain(20, horizon=Horizon(2.0, Source.OUTAGE)).complete
    assert scene.clock.now() - came >= 2.0


def test_a_cap_before_the_horizon_leaves_nothing_else_missing(scene: Scene) -> None:
    result = scene.drain(2.0, horizon=Horizon(60.0, Source.OUTAGE))
    assert (result.complete, result.missing) == (True, ())
    assert result.waited < 60


def test_an_own_order_without_event_past_the_known_limits_ends_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.run.drain.EVENT_WAIT_S", 1.0)
    scene.service.event = False
    result = scene.drain(60, delivery_s=1.0)
    assert not result.complete
    (missing,) = result.missing
    assert missing.startswith("the drain's canary order to be complete (order ")
    assert result.silence is not None
    assert (result.silence["led"], result.silence["open_transaction"]) == (True, False)
    assert result.silence["answered_at"] <= scene.clock.now() - 1.5
    assert len(result.own_orders) == 1


def test_an_own_order_without_a_row_is_no_silence(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.run.drain.EVENT_WAIT_S", 0.5)
    scene.service.event = scene.service.row = False
    assert scene.drain(3, delivery_s=0.1).silence is None


def test_an_open_transaction_is_no_silence(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.run.drain.EVENT_WAIT_S", 0.5)
    scene.service.event = False
    producer = Producer({**scene.sut.kafka, "transactional.id": f"open-{uuid.uuid4()}"})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(scene.sut.topic, b"held back")
    producer.flush(10)
    assert topic_service(scene.sut.kafka, scene.sut.topic) == TopicService(True, True)
    assert scene.drain(3, delivery_s=0.1).silence is None
    producer.abort_transaction(10)
    # The broker writes the marker that ends it a moment after it has taken the request.
    deadline = time.monotonic() + 10
    while topic_service(scene.sut.kafka, scene.sut.topic) != TopicService(True, False):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_topic_that_is_not_there_is_not_known_to_be_led(scene: Scene) -> None:
    with pytest.raises(NoSuchTopic):
        topic_service(scene.sut.kafka, f"none-{uuid.uuid4()}")


def test_an_answer_with_an_older_id_is_not_waited_for(scene: Scene) -> None:
    repeated = scene.sut.place_order(KEY.customer_id(1))
    scene.sut = replace(scene.sut, place_order=lambda _: repeated)
    result = scene.drain(10, known_ids=frozenset({str(repeated.order_id)}))
    assert result.complete
    assert result.repeated_id == str(repeated.order_id)
    assert scene.drain(1.5).repeated_id is None
