"""The session over real sockets and a real ledger file: what is due is sent or counted, and all of it is on disk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from contract.http import OrderContract
from contract.order_id import IdKind
from load.load_session import LoadSession, LoadSpec
from runlog.ledger import LedgerWriter, Phase, RecordKind, read_ledger
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Failure, Outcome
from tests.load.session_run import CLOCK, KEY, SENDERS, SETTLE_S, Run, kinds, outcomes, send_some

from . import target as scripts
from .target import Script, await_that, serving

pytestmark = pytest.mark.process


def test_fast_answers(tmp_path: Path) -> None:
    with serving() as target:
        run = Run(tmp_path, target.url)
        send_some(run, target, 40)
        ledger = run.end()
    counts = run.session.counts
    assert run.session.trouble is None
    assert ledger.complete
    assert ledger.due == counts.sent == counts.acknowledged == len(target.seen) == len(run.events)
    assert (counts.failed, counts.not_sent, run.session.in_flight) == (0, 0, 0)
    assert outcomes(ledger) == {Outcome.ACKNOWLEDGED: ledger.due}
    # Each ledger line is the order that the service saw under that number, with the id that it returned.
    assert {KEY.sequence_of(seen.customer_id) for seen in target.seen} == set(ledger.attempts["seq"].tolist())
    for attempt in ledger.attempts:
        assert attempt["order_id"].tobytes() == KEY.customer_id(int(attempt["seq"])).bytes
        assert attempt["due"] <= attempt["sent"] <= attempt["completed"]
        assert attempt["status"] == 201
    gaps = ledger.attempts["due"][1:] - ledger.attempts["due"][:-1]
    assert all(math.isclose(gap, 1 / 200, abs_tol=1e-6) for gap in gaps)


def test_slow_answers_do_not_thin_the_schedule(tmp_path: Path) -> None:
    """Not one answer comes before the load is over, and yet everything that was due was sent."""
    gate = Event()
    with serving(scripts.hold(gate)) as target:
        run = Run(tmp_path, target.url)
        send_some(run, target, 100)
        run.close()
        counts = run.session.counts
        assert (counts.acknowledged, counts.failed) == (0, 0)
        assert run.session.in_flight == counts.sent > SENDERS
        assert not run.session.settle(0.05)
        gate.set()
        assert run.session.settle(SETTLE_S)
        ledger = run.finish()
    assert ledger.complete
    assert ledger.due == counts.sent == counts.acknowledged
    assert kinds(ledger) == {RecordKind.COMPLETED: ledger.due}
    assert ledger.attempts["sent"].max() < ledger.attempts["completed"].min()


SILENCE = "no answer within the request timeout"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (scripts.answer(400), (Outcome.REJECTED, Failure.NONE, 400, "HTTP 400")),
        (scripts.answer(500), (Outcome.AMBIGUOUS, Failure.NONE, 500, "HTTP 500")),
        (
            scripts.answer(201),
            (Outcome.AMBIGUOUS, Failure.UNREADABLE, 201, "HTTP 201 without a readable order id"),
        ),
        (
            scripts.answer(201, b"{", 9, keep=False),
            (Outcome.AMBIGUOUS, Failure.RESET, 0, "connection broken (HTTPParseError)"),
        ),
        (scripts.hang_up, (Outcome.AMBIGUOUS, Failure.RESET, 0, "connection broken (HTTPConnectionClosed)")),
        (scripts.reset, (Outcome.AMBIGUOUS, Failure.RESET, 0, "connection broken (HTTPConnectionClosed)")),
        (scripts.hold(Event()), (Outcome.AMBIGUOUS, Failure.TIMEOUT, 0, SILENCE)),
        (scripts.trickle, (Outcome.AMBIGUOUS, Failure.TIMEOUT, 0, SILENCE)),
    ],
    ids=["400", "500", "no id", "truncated", "hung up", "reset", "hang", "trickle"],
)
def test_failures_are_distinct(tmp_path: Path, script: Script, expected: tuple[Outcome, Failure, int, str]) -> None:
    with serving(script) as target:
        # Long enough that a busy machine has sent the order, and where an answer comes read it, before it is given up.
        run = Run(tmp_path, target.url, timeout=1.0 if expected[1] is Failure.TIMEOUT else 10.0)
        send_some(run, target)
        ledger = run.end()
        # Sent once each, whatever became of it; a busy target reads what a client has given up later.
        await_that(lambda: len(target.seen) >= ledger.due, "each order at the target")
        seqs = {KEY.sequence_of(seen.customer_id) for seen in target.seen}
        assert len(target.seen) == ledger.due
    assert seqs == set(range(ledger.due))
    assert ledger.complete
    assert run.session.counts.failed == ledger.due == len(run.events)
    outcome, failure, status, text = expected
    assert outcomes(ledger) == {outcome: ledger.due}
    assert set(ledger.attempts["failure"].tolist()) == {failure}
    assert set(ledger.attempts["status"].tolist()) == {status}
    # One text for all of them: Locust keeps a row for each different one.
    assert {str(event["exception"]) for event in run.events} == {text}


def test_refused_is_rejected(tmp_path: Path) -> None:
    with serving() as target:
        url = target.url
    run = Run(tmp_path, url)
    await_that(lambda: run.session.counts.failed >= 10, "10 refused orders")
    ledger = run.end()
    assert outcomes(ledger) == {Outcome.REJECTED: ledger.due}
    assert set(ledger.attempts["failure"].tolist()) == {Failure.REFUSED}


def test_an_order_that_falls_due_at_the_very_end_is_sent(tmp_path: Path) -> None:
    """No sender has woken since it fell due: it is the harness that was about to send it, not one that could not."""
    with serving() as target:
        run = Run(tmp_path, target.url, rate=20)
        send_some(run, target, 2)
        before = run.session.counts.sent
        ahead = CLOCK.now() + 0.12
        while CLOCK.now() < ahead:
            pass  # no greenlet runs here, while two or three orders fall due
        ledger = run.end()
    assert run.session.counts.not_sent == 0
    assert run.session.counts.sent >= before + 2
    assert ledger.due == run.session.counts.sent == len(target.seen)
    assert kinds(ledger) == {RecordKind.COMPLETED: ledger.due}


def test_orders_that_stayed_unsent_for_longer_are_not_sent_at_the_end(tmp_path: Path) -> None:
    """All users are gone for a second: those orders are missing, and the ledger says so."""
    with serving() as target:
        run = Run(tmp_path, target.url, rate=100)
        send_some(run, target)
        run.stop_senders()
        sent = run.session.counts.sent
        gevent.sleep(1.0)
        ledger = run.end()
    counts = run.session.counts
    assert counts.not_sent >= 50
    assert counts.sent - sent <= 26 + SENDERS  # 0.25 s of orders at the most
    assert ledger.complete
    assert kinds(ledger) == {RecordKind.COMPLETED: counts.sent, RecordKind.NOT_SENT: counts.not_sent}


def test_a_full_pool_is_counted_as_not_sent(tmp_path: Path) -> None:
    gate = Event()
    with serving(scripts.hold(gate)) as target:
        run = Run(tmp_path, target.url, most=5)
        await_that(lambda: run.session.counts.not_sent >= 20, "20 arrivals beyond the pool")
        assert run.session.in_flight == run.session.counts.sent == 5
        gate.set()
        ledger = run.end()
    counts = run.session.counts
    assert ledger.complete
    assert counts.sent == counts.acknowledged == len(target.seen)
    assert kinds(ledger) == {RecordKind.COMPLETED: counts.sent, RecordKind.NOT_SENT: counts.not_sent}
    assert ledger.due == counts.sent + counts.not_sent


def test_arrivals_that_could_not_be_sent_are_given_up_not_sent_in_a_burst(tmp_path: Path) -> None:
    """A harness that stood still for longer than the limit: what is that late is counted, not sent."""
    with serving() as target:
        run = Run(tmp_path, target.url, rate=100)
        run.session.begin(CLOCK.now() - 7.0)
        send_some(run, target)
        ledger = run.end()
    late = ledger.attempts[ledger.attempts["kind"] == RecordKind.NOT_SENT]
    assert run.session.counts.not_sent == len(late) >= 190
    assert len(target.seen) == run.session.counts.sent
    sent = ledger.attempts[ledger.attempts["kind"] == RecordKind.COMPLETED]
    assert (sent["sent"] - sent["due"]).max() <= 5.0 + 1e-6
    assert ledger.complete


def test_phases_are_in_the_ledger_and_in_the_request_names(tmp_path: Path) -> None:
    with serving() as target:
        run = Run(tmp_path, target.url)
        for phase in Phase:
            run.session.phase = phase
            send_some(run, target, len(target.seen) + 10)
        ledger = run.end()
    by_phase = Counter(Phase(int(value)) for value in ledger.attempts["phase"])
    assert set(by_phase) == set(Phase)
    assert Counter(event["name"] for event in run.events) == {
        f"POST /orders [{phase.label}]": count for phase, count in by_phase.items()
    }
    in_order_of_sending = ledger.attempts["phase"][ledger.attempts["sent"].argsort(kind="stable")].tolist()
    assert in_order_of_sending == sorted(in_order_of_sending)


def test_an_answer_counts_for_the_phase_of_its_sending(tmp_path: Path) -> None:
    gate = Event()
    with serving(scripts.hold(gate)) as target:
        run = Run(tmp_path, target.url)
        send_some(run, target)
        run.close()
        run.session.phase = Phase.OUTAGE
        gate.set()
        assert run.session.settle(SETTLE_S)
        ledger = run.finish()
    assert set(ledger.attempts["phase"].tolist()) == {Phase.BASELINE}
    assert {event["name"] for event in run.events} == {"POST /orders [baseline]"}


def test_requests_still_under_way_at_the_end_stay_without_an_answer(tmp_path: Path) -> None:
    with serving(scripts.hold(Event())) as target:
        run = Run(tmp_path, target.url)
        send_some(run, target)
        run.close()
        ledger = run.finish()
    assert ledger.complete
    assert kinds(ledger) == {RecordKind.SENT: ledger.due}
    assert run.events == []
    assert run.session.in_flight == 0


def _do_nothing(session: LoadSession) -> None:
    """Ended before any order was due."""


def _break_off(session: LoadSession) -> None:
    session.close(CLOCK.now() - 10)


@pytest.mark.parametrize("before", [_do_nothing, _break_off])
def test_a_run_that_never_began_has_an_empty_ledger(tmp_path: Path, before: Callable[[LoadSession], None]) -> None:
    path = tmp_path / "ledger.bin"
    spec = LoadSpec("http://127.0.0.1:9", 10, 1.0, KEY, OrderContract())
    session = LoadSession(
        spec, LedgerWriter(path, KEY), CLOCK, lambda event: None, OrderIdTextWriter(tmp_path, IdKind.UUID)
    )
    sender = gevent.spawn(session.send_next)  # idles: nothing has begun
    sender.join(timeout=10)
    assert sender.successful()
    before(session)
    session.close(CLOCK.now())
    session.finish(in_order=True)
    ledger = read_ledger(path)
    assert (ledger.complete, ledger.due, len(ledger.attempts)) == (True, 0, 0)


@pytest.mark.parametrize(("rate", "timeout", "room"), [(1, 1, 100), (50, 5, 376), (1000, 5, 7501)])
def test_room_for_a_service_that_answers_nothing(rate: float, timeout: float, room: int) -> None:
    spec = LoadSpec("http://127.0.0.1:9", rate, timeout, KEY, OrderContract())
    assert spec.most_in_flight == room
    assert spec.most_in_flight >= rate * timeout


def test_what_falls_due_while_the_load_is_stopped_is_recorded_as_not_sent(tmp_path: Path) -> None:
    with serving() as target:
        run = Run(tmp_path, target.url)
        send_some(run, target)
        run.session.stop()
        sent = run.session.counts.sent
        await_that(lambda: run.session.counts.not_sent >= 20, "20 arrivals that are not sent")
        assert run.session.counts.sent == sent
        run.session.resume()
        await_that(lambda: run.session.counts.sent >= sent + 20, "20 more orders to go out")
        ledger = run.end()
    counts = run.session.counts
    assert ledger.complete
    assert kinds(ledger)[RecordKind.NOT_SENT] == counts.not_sent
    assert ledger.due == counts.sent + counts.not_sent
    assert len(target.seen) == counts.sent
