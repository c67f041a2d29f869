"""The drain on real stores: it waits for each thing that may still come, and names what is missing at its cap."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import psycopg
import pytest

from chaos.drain import Drain, DrainResult
from chaos.subject import Subject
from chaos.watch import Activity, LookoutWatch
from contract.run_key import RunKey
from runlog.clock import AnchoredClock
from tests.chaos.parts import Service, answering, make_subject
from tests.conftest import Infra

pytestmark = pytest.mark.real
KEY = RunKey.random()


class Watch:
    """A lookout that says what a test wants."""

    def __init__(self) -> None:
        self.activity = Activity()
        self.alive = True
        self.followed = False

    def follow(self) -> None:
        self.followed = True
        self.activity.own = 0


class Scene:
    def __init__(self, subject: Subject, service: Service) -> None:
        self.subject = subject
        self.service = service
        self.watch = Watch()
        self.clock = AnchoredClock.anchor()
        self.open_requests = 0
        self.told: list[str] = []

    def drain(self, cap_s: float, settle: float = 0.5) -> DrainResult:
        drain = Drain(
            subject=self.subject,
            run_key=KEY,
            watch=cast("LookoutWatch", cast("Any", self.watch)),
            clock=self.clock,
            in_flight=lambda: self.open_requests,
            settle=settle,
        )
        return drain.run(cap_s, self.told.append)


@pytest.fixture
def backlog() -> list[int]:
    return [0]


@pytest.fixture
def scene(infra: Infra, backlog: list[int]) -> Iterator[Scene]:
    with answering(lambda path: f'{{"pending": {backlog[0]}}}') as base_url:
        yield Scene(*make_subject(infra, base_url))


def test_a_quiet_system_is_drained_after_the_settle_time(scene: Scene) -> None:
    began = scene.clock.now()
    result = scene.drain(10)
    assert (result.complete, result.missing) == (True, ())
    assert len(result.own_orders) == 1
    assert scene.clock.now() - began >= 0.5
    assert scene.watch.followed


def test_unanswered_requests_keep_it_open(scene: Scene) -> None:
    scene.open_requests = 3
    result = scene.drain(1.5)
    assert not result.complete
    assert "answers to 3 requests" in result.missing


def test_a_backlog_keeps_it_open(scene: Scene, backlog: list[int]) -> None:
    scene.subject = replace(scene.subject, backlog_url=scene.subject.service_url + "/backlog")
    backlog[0] = 7
    assert scene.drain(1.5).missing == ("a backlog of 7 events to go out",)
    backlog[0] = 0
    assert scene.drain(10).complete


def test_a_service_that_does_not_tell_its_backlog_keeps_it_open(scene: Scene) -> None:
    scene.subject = replace(scene.subject, backlog_url="http://127.0.0.1:1/backlog")
    assert scene.drain(1.5).missing == ("the service to tell its backlog",)


def test_an_order_that_is_not_whole_keeps_it_open(scene: Scene) -> None:
    scene.service.event = False
    (missing,) = scene.drain(2.0).missing
    assert missing.startswith("an order sent after all that, whole")


def test_a_new_event_of_the_run_starts_the_settle_time_again(scene: Scene) -> None:
    scene.watch.activity.own_changed = scene.clock.now() + 60
    assert scene.drain(2.0).missing == ("0.5 s without a new row or event",)


def test_a_row_that_comes_late_is_waited_for(scene: Scene) -> None:
    def store_late() -> int:
        if scene.clock.now() - began > 1.0 and not stored:
            stored.append(uuid.uuid4())
            with psycopg.connect(scene.subject.database_url) as connection:
                connection.execute("INSERT INTO orders VALUES (%s, %s)", [stored[0], KEY.customer_id(1)])
        return 0

    stored: list[uuid.UUID] = []
    began = scene.clock.now()
    drain = Drain(
        subject=scene.subject,
        run_key=KEY,
        watch=cast("LookoutWatch", cast("Any", scene.watch)),
        clock=scene.clock,
        in_flight=store_late,
        settle=1.5,
    )
    assert drain.run(15, scene.told.append).complete
    assert scene.clock.now() - began >= 2.5


def test_a_dead_lookout_keeps_it_open(scene: Scene) -> None:
    scene.watch.alive = False
    assert scene.drain(2.0).missing == ("the lookout to follow the topic",)


def test_a_database_that_went_away_keeps_it_open(scene: Scene) -> None:
    scene.subject = replace(scene.subject, database_url="postgresql://mars:mars@127.0.0.1:1/orders_db")
    (whole, database) = scene.drain(1.5).missing
    assert database.startswith("the database (")
    assert "mars:mars" not in whole + database
