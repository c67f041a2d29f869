"""One exchange over real sockets: each failure has a class of its own, is bounded, and sends the request at most once.

gevent's servers and geventhttpclient work without monkey patching; the last test here holds this process to that.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import gevent
import pytest
from gevent import monkey
from gevent.event import Event

from contract.http import OrderContract
from contract.run_key import RunKey
from load.exchange import Answer, Exchanger
from runlog.outcomes import Failure, Outcome, classify

from . import target as scripts
from .target import Target, await_that, serving

pytestmark = pytest.mark.process

CONTRACT = OrderContract()
KEY = RunKey.random()
# Far above any timeout that is tested, far below pytest's own.
HANGS_S = 30.0


@pytest.fixture
def target() -> Iterator[Target]:
    with serving() as target:
        yield target


def exchanger(url: str, connections: int = 3, timeout_s: float = 5.0) -> Exchanger:
    return Exchanger(url, connections, timeout_s)


def post(sender: Exchanger, seq: int = 0) -> Answer:
    with gevent.Timeout(HANGS_S):
        return sender.post(CONTRACT.path, CONTRACT.body(KEY.customer_id(seq), seq), dict(CONTRACT.headers))


def outcome(answer: Answer) -> Outcome:
    good = answer.status is not None and 200 <= answer.status < 300
    return classify(answer.status, answer.failure, good and CONTRACT.order_id(answer.body) is not None)


def test_a_complete_answer(target: Target) -> None:
    answer = post(exchanger(target.url), seq=7)
    assert (answer.status, answer.failure, answer.reason) == (201, Failure.NONE, None)
    assert str(CONTRACT.order_id(answer.body)) == str(KEY.customer_id(7))
    assert outcome(answer) is Outcome.ACKNOWLEDGED
    (seen,) = target.seen
    assert seen.head.startswith(b"POST /orders HTTP/1.1\r\n")
    assert b"Content-Type: application/json" in seen.head
    assert seen.customer_id == KEY.customer_id(7)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, Outcome.REJECTED), (422, Outcome.REJECTED), (500, Outcome.AMBIGUOUS), (503, Outcome.AMBIGUOUS)],
)
def test_an_error_status_is_an_answer(target: Target, status: int, expected: Outcome) -> None:
    target.script = scripts.answer(status, b'{"error": "no"}')
    answer = post(exchanger(target.url))
    assert answer == Answer(status, b'{"error": "no"}', Failure.NONE, None)
    assert outcome(answer) is expected


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(target: Target, status: int) -> None:
    target.script = scripts.answer(status)
    answer = post(exchanger(target.url))
    assert answer.status == status
    assert outcome(answer) is Outcome.AMBIGUOUS
    assert len(target.seen) == 1


def test_a_hang_is_a_timeout(target: Target) -> None:
    target.script = scripts.hold(Event())
    answer = post(exchanger(target.url, timeout_s=0.2))
    assert (answer.status, answer.failure) == (None, Failure.TIMEOUT)
    assert outcome(answer) is Outcome.AMBIGUOUS
    assert len(target.seen) == 1


def test_a_body_that_trickles_in_is_bounded_as_a_whole(target: Target) -> None:
    target.script = scripts.trickle
    answer = post(exchanger(target.url, timeout_s=0.5))
    # The head said 201; without the whole body that is no answer.
    assert (answer.status, answer.failure) == (None, Failure.TIMEOUT)
    await_that(lambda: target.open_connections == 0, "the half-read connection to be closed")


def test_a_port_that_accepts_but_never_reads_is_a_timeout() -> None:
    with socket.create_server((scripts.HOST, 0)) as listener:
        answer = post(exchanger(f"http://{scripts.HOST}:{listener.getsockname()[1]}", timeout_s=0.2))
    assert (answer.status, answer.failure) == (None, Failure.TIMEOUT)


def test_refused_means_that_nothing_was_sent() -> None:
    with socket.create_server((scripts.HOST, 0)) as listener:
        port = listener.getsockname()[1]
    answer = post(exchanger(f"http://{scripts.HOST}:{port}"))
    assert (answer.status, answer.failure) == (None, Failure.REFUSED)
    assert outcome(answer) is Outcome.REJECTED


@pytest.mark.parametrize("script", [scripts.reset, scripts.hang_up])
def test_a_connection_cut_after_the_request_is_ambiguous_and_not_repeated(
    target: Target, script: scripts.Script
) -> None:
    target.script = script
    answer = post(exchanger(target.url))
    assert (answer.status, answer.failure) == (None, Failure.RESET)
    assert outcome(answer) is Outcome.AMBIGUOUS
    gevent.sleep(0.1)  # time for a second attempt, if there were one
    assert len(target.seen) == 1


def test_a_kept_connection_cut_after_the_request_is_not_repeated_either(target: Target) -> None:
    """Clients like to resend over a fresh connection when a kept one breaks: an order must not be."""
    sender = exchanger(target.url)
    assert post(sender, seq=0).status == 201
    target.script = scripts.reset
    assert post(sender, seq=1).failure is Failure.RESET
    gevent.sleep(0.1)
    assert [(seen.connection, KEY.sequence_of(seen.customer_id)) for seen in target.seen] == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    "raw",
    [
        scripts.message(201, b'{"orderId": "d9428888-122b-41e1-b85c-61e8ba6dd1f7"}', length=500),
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{",
        b"HTTP/1.1 201 Created\r\nContent-Le",
        b"\xff\xfe\x00 nothing of HTTP\r\n\r\n",
    ],
    ids=["length", "chunk", "head", "garbage"],
)
def test_a_truncated_answer_is_no_answer(target: Target, raw: bytes) -> None:
    def script(sock: socket.socket, seen: scripts.Seen) -> bool:
        sock.sendall(raw)
        return False

    target.script = script
    answer = post(exchanger(target.url))
    assert (answer.status, answer.body, answer.failure) == (None, b"", Failure.RESET)
    assert outcome(answer) is Outcome.AMBIGUOUS
    assert len(target.seen) == 1


def test_connections_are_kept(target: Target) -> None:
    sender = exchanger(target.url)
    assert [post(sender, seq).status for seq in range(5)] == [201] * 5
    assert [seen.connection for seen in target.seen] == [0] * 5


def test_an_idle_connection_that_the_server_closed_is_replaced(target: Target) -> None:
    target.script = scripts.acknowledge_then_close
    sender = exchanger(target.url)
    for seq in range(3):
        assert post(sender, seq).status == 201
        await_that(lambda: target.open_connections == 0, "the server to close the idle connection")
    assert [seen.connection for seen in target.seen] == [0, 1, 2]


def test_no_connection_leaks_after_many_timeouts(target: Target) -> None:
    sender = exchanger(target.url, connections=20, timeout_s=0.1)
    target.script = scripts.hold(Event())
    for _ in range(10):
        jobs = [gevent.spawn(post, sender) for _ in range(20)]
        gevent.joinall(jobs, raise_error=True)
        assert {job.value.failure for job in jobs} == {Failure.TIMEOUT}
    # The held handlers do not look at their sockets; each ends with its client, which is what is counted here.
    assert len(_connections_to(target)) == 0
    # And none of the 20 places is lost: that many can wait at once, and none waits for a place.
    before = len(target.seen)
    gevent.joinall([gevent.spawn(post, sender) for _ in range(20)], raise_error=True)
    assert len(target.seen) == before + 20


def test_connections_to_the_target_can_be_counted(target: Target) -> None:
    """What the test above would see if connections leaked."""
    target.script = scripts.hold(Event())
    jobs = [gevent.spawn(post, exchanger(target.url)) for _ in range(5)]
    await_that(lambda: len(target.seen) == 5, "5 requests to be under way")
    assert len(_connections_to(target)) == 5
    gevent.killall(jobs)
    assert len(_connections_to(target)) == 0


def _connections_to(target: Target) -> list[object]:
    import psutil

    port = int(target.url.rpartition(":")[2])
    return [item for item in psutil.Process().net_connections("tcp") if item.raddr and item.raddr.port == port]


def test_the_callers_own_timeout_stays_the_callers(target: Target) -> None:
    target.script = scripts.hold(Event())
    own = gevent.Timeout(0.1)
    with pytest.raises(gevent.Timeout) as caught, own:
        exchanger(target.url, timeout_s=20.0).post(CONTRACT.path, CONTRACT.body(KEY.customer_id(0), 0), {})
    assert caught.value is own


def test_this_process_is_not_patched() -> None:
    assert not monkey.is_module_patched("socket")
    assert not monkey.is_module_patched("threading")
