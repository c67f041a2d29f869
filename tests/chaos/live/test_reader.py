"""The live counter as a process of its own, on a real broker and a real database, while they come and go."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer

from chaos.live.reader import LiveConfig
from contract.run_key import RunKey
from files.paths import CHECKOUT
from runlog import marks as m
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts, TopicStart
from runlog.folder import RunFolder, create_run_folder
from runlog.ledger import RECORD_BYTES, Completion, LedgerWriter, Phase
from runlog.marks import Mark, append_mark
from runlog.offsets import Observation
from runlog.outcomes import Failure, Outcome
from stores.topic import read_bounds
from tests.conftest import Infra, RestartableBroker
from tests.reconcile.core.run_builder import facts
from tests.topics import make_topic

pytestmark = pytest.mark.real
WAIT_S = 20.0


class Run:
    """A run that a test writes, and the live counter that follows it."""

    def __init__(self, infra: Infra, runs: Path, *, draws: bool = False, url: str = "", **changes: Any) -> None:
        self.client = {"bootstrap.servers": infra.kafka_bootstrap}
        self.topic = make_topic(self.client, partitions=2)
        self.folder: RunFolder = create_run_folder(runs)
        self.clock = AnchoredClock.anchor()
        self.key = RunKey.random()
        self.facts: RunFacts = facts(
            run_id=self.folder.run_id,
            run_key=self.key,
            started_at=self.clock.now(),
            clock=self.clock,
            topic=TopicStart(self.topic, None, {0: 0, 1: 0}),
            **changes,
        )
        self.facts.write(self.folder)
        self.ledger = LedgerWriter(self.folder.ledger, self.key)
        self.producer = Producer({**self.client, "enable.idempotence": True, "message.timeout.ms": 60_000})
        self.ids: dict[int, uuid.UUID] = {}
        self.said: dict[str, Any] = {}
        self.figure = ""
        self.monitored = True
        config = LiveConfig(str(self.folder.path), self.client, url, 30.0, draws)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaos.live"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(config.dump() + "\n")
        self.process.stdin.flush()

    def order(self, number: int, outcome: Outcome = Outcome.ACKNOWLEDGED) -> None:
        """Send an order and answer it."""
        now = self.clock.now()
        identity = self.ids[number] = uuid.uuid4()
        self.ledger.sent(number, now, now, Phase.BASELINE)
        named = identity.bytes if outcome is Outcome.ACKNOWLEDGED else None
        self.ledger.completed(
            number, now, now, Phase.BASELINE, Completion(now + 0.01, outcome, 201, Failure.NONE, named)
        )

    def publish(self, *numbers: int, tag: str | None = None) -> None:
        for number in numbers:
            identity = str(self.ids.setdefault(number, uuid.uuid4()))
            value = {
                "orderId": identity,
                "customerId": tag or str(self.key.customer_id(number)),
            }
            self.producer.produce(self.topic, json.dumps(value).encode(), key=identity.encode())
        assert self.producer.flush(WAIT_S) == 0

    def observe(self) -> None:
        """Write what a monitor would have observed just now."""
        asked = self.clock.now()
        self._observed(Observation(asked, self.clock.now(), read_bounds(self.client, self.topic).ends))

    def observe_no_answer(self) -> None:
        now = self.clock.now()
        self._observed(Observation(now - 0.1, now, error="no answer"))

    def _observed(self, seen: Observation) -> None:
        with self.folder.offsets.open("a") as stream:
            stream.write(json.dumps(seen.record()) + "\n")

    def until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Read its lines until one is as wanted, and return that."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + WAIT_S
        for line in self.process.stdout:
            self.said = json.loads(line)
            self.figure = self.said.get("figure") or self.figure
            if wanted(self.said):
                return self.said
            if self.monitored:
                self.observe()
            assert time.monotonic() < deadline, f"waited {WAIT_S:g} s for {what}, last: {self.said}"
        raise AssertionError(f"it ended while {what} was awaited, last: {self.said}")

    def counted(self, **wanted: int | None) -> dict[str, Any]:
        return self.until(lambda said: wanted.items() <= said.get("counts", {}).items(), f"the counts {wanted}")


@pytest.fixture
def run_of(infra: Infra, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    made: list[Run] = []

    def make(**changes: Any) -> Run:
        made.append(Run(infra, tmp_path / "runs", **changes))
        return made[-1]

    yield make
    for run in made:
        run.process.kill()
        run.process.wait()


def test_it_follows_ledger_and_topic(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.counted(sent=0)
    for number in range(3):
        run.order(number)
    run.order(3, Outcome.AMBIGUOUS)
    run.counted(answered=3, with_event=0, without_event=3, may_be_lost=1)
    run.publish(0, 1, 3)
    run.counted(with_event=2, without_event=1, may_be_lost=0, event_only=1, events=3)
    run.publish(9, tag=str(uuid.uuid4()))
    run.publish(2)
    assert run.counted(with_event=3, without_event=0, events=4)["untagged"] == 0


def test_damaged_records_are_said_in_place_of_numbers(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.order(0)
    run.counted(answered=1)
    with run.folder.ledger.open("ab") as stream:
        stream.write(bytes(RECORD_BYTES))
    run.until(lambda said: said.get("problem") == "damaged records in the ledger: 1", "the problem")


def test_how_far_the_topic_was_read_is_known_by_the_monitors_ends(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.monitored = False
    assert run.counted(sent=0)["read_at"] is None
    run.order(0)
    run.publish(0)
    before = run.clock.now()
    run.observe()
    said = run.until(lambda said: said["read_at"] is not None, "the end of the topic")
    assert before <= said["read_at"] <= said["at"]
    # It counts to that moment: whether a later order has its event is not known.
    run.order(1)
    said = run.counted(answered=2, with_event=1, without_event=0)
    assert said["counted_to"] == said["read_at"]
    run.observe()
    assert run.counted(answered=2, without_event=1)["counted_to"] > said["counted_to"]


def test_an_open_transaction_holds_the_end_back(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.monitored = False
    run.order(0)
    other = Producer({**run.client, "transactional.id": uuid.uuid4().hex})
    other.init_transactions(WAIT_S)
    other.begin_transaction()
    value = {"orderId": str(run.ids[0]), "customerId": str(run.key.customer_id(0))}
    other.produce(run.topic, json.dumps(value).encode(), partition=0)
    assert other.flush(WAIT_S) == 0
    run.observe()
    run.counted(answered=1, without_event=0)
    assert run.said["read_at"] is None
    other.commit_transaction(WAIT_S)
    run.observe()
    assert run.counted(with_event=1, without_event=0) and run.until(lambda said: said["read_at"] is not None, "its end")


def test_it_outlives_a_broker_that_is_away(run_of: Callable[..., Run], broker: RestartableBroker) -> None:
    run = run_of()
    run.order(0)
    run.publish(0)
    run.counted(with_event=1)
    run.monitored = False
    broker.kill()
    run.order(1)
    run.counted(answered=2, with_event=1, without_event=0)
    run.observe_no_answer()  # whatever it holds cannot be read: as far as is known there is no event
    lacking = run.counted(answered=2, with_event=1, without_event=1)
    broker.heal()
    run.order(2)
    run.observe()
    run.publish(1)
    found = run.counted(with_event=2)
    assert found["counted_to"] >= lacking["counted_to"]
    assert found["counts"]["without_event"] in {0, 1}
    run.monitored = True
    run.counted(with_event=2, without_event=1)


def test_what_an_outbox_holds_is_waiting(run_of: Callable[..., Run], infra: Infra) -> None:
    url = infra.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE outbox (aggregateid uuid, type text, published_at timestamptz)")
        run = run_of(url=url, outbox_table="outbox", draws=True)
        for number in range(3):
            run.order(number)
        connection.execute("INSERT INTO outbox VALUES (%s, 'order.created')", [run.ids[0]])
        connection.execute("INSERT INTO outbox VALUES (%s, 'order.created', now())", [run.ids[1]])
        said = run.counted(without_event=2, waiting=1)
        assert said["backlog_at"] is not None
        run.until(lambda said: "1 pending" in (said["figure"] or ""), "the picture")
        connection.execute("INSERT INTO outbox VALUES (NULL)")
        connection.execute(
            "ALTER TABLE outbox ALTER aggregateid TYPE text; INSERT INTO outbox VALUES ('of another kind')"
        )
        said = run.until(lambda said: said["backlog_problem"] is not None, "the outbox that cannot be read")
        assert said["backlog_problem"] == "it spells the ids of orders in another way"
        assert said["backlog_at"] is said["counts"]["waiting"] is None


def test_an_outbox_that_was_not_read_yet_leaves_none_without_its_event(
    run_of: Callable[..., Run], infra: Infra
) -> None:
    run = run_of(url=infra.new_database(), outbox_table="outbox")
    run.order(0)
    run.until(lambda said: said["backlog_problem"] is not None, "the outbox that cannot be read")
    said = run.counted(answered=1, without_event=0, waiting=None)
    assert "outbox" in said["backlog_problem"]


def test_where_events_carry_no_tag_the_answers_tell(run_of: Callable[..., Run]) -> None:
    run = run_of(stack="external", attribution="acknowledged-only", event_id="key", event_tag="", orders_tag_column="")
    run.order(0)
    run.order(1)
    run.publish(0, 7)
    run.counted(answered=2, with_event=1, without_event=1, events=1, event_only=None)


def test_records_without_a_tag_are_told(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.order(0)
    run.publish(0, tag="none of ours")
    assert run.counted(without_event=1)["untagged"] == 1


def test_the_picture_has_the_gap_and_the_outage(run_of: Callable[..., Run]) -> None:
    run = run_of(draws=True)
    append_mark(run.folder.marks, Mark(run.clock.now(), m.BASELINE))
    run.order(0)
    run.order(1)
    run.publish(1)
    at = run.clock.now()
    append_mark(run.folder.marks, Mark(at, m.INJECTING, 0, {"fault": "stop", "target": "broker"}))
    append_mark(run.folder.marks, Mark(at + 0.1, m.INJECTED, 0))
    run.until(lambda said: "1 not in Kafka" in (said["figure"] or ""), "the picture")
    run.until(lambda said: "broker proven down" in (said["figure"] or ""), "the outage")
    assert "problem" not in run.said


def test_it_ends_with_its_input(run_of: Callable[..., Run]) -> None:
    run = run_of()
    run.counted(sent=0)
    assert run.process.stdin is not None
    run.process.stdin.close()
    assert run.process.wait(WAIT_S) == 0


def test_what_it_cannot_read_is_said(run_of: Callable[..., Run], infra: Infra, tmp_path: Path) -> None:
    config = LiveConfig(str(tmp_path / "nowhere"), {"bootstrap.servers": infra.kafka_bootstrap}, "", 30.0, draws=False)
    done = subprocess.run(
        [sys.executable, "-m", "chaos.live"],
        cwd=CHECKOUT,
        input=config.dump() + "\n",
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2
    assert "run.json" in json.loads(done.stdout)["problem"]
