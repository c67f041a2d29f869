"""The publisher's behaviour: its waits on a clock that jumps, the rest on the real Kafka client with no broker."""

from __future__ import annotations

import asyncio
import logging
import selectors
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from orderservice.kafka_client import ClientConfigError, client_config
from orderservice.orders import Event
from orderservice.publisher import Publisher, PublishFailedError
from orderservice.reachability import Reachability, UnreachableError

from .conftest import free_port

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting it moves the loop's clock to the next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the loop would wait for ever"
        self.now += max(0.0, timeout)
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(work)


def test_no_publish_waits_while_a_broker_is_reachable() -> None:
    async def work() -> float:
        switch = Reachability()
        switch.report(True)
        await asyncio.sleep(0)
        assert switch
        start = asyncio.get_running_loop().time()
        await switch.wait(5)
        return asyncio.get_running_loop().time() - start

    assert run_in_virtual_time(work()) == 0


@pytest.mark.parametrize("block_time", [0, 1, 60])
def test_the_wait_fails_after_exactly_the_block_time(block_time: float) -> None:
    async def work() -> float:
        switch = Reachability()
        start = asyncio.get_running_loop().time()
        with pytest.raises(UnreachableError, match=f"for {block_time} s"):
            await switch.wait(block_time)
        return asyncio.get_running_loop().time() - start

    assert run_in_virtual_time(work()) == pytest.approx(block_time)


def test_every_waiter_goes_on_when_the_broker_returns() -> None:
    async def work() -> tuple[float, ...]:
        switch, loop = Reachability(), asyncio.get_running_loop()
        loop.call_later(0.4, switch.report, True)

        async def waited(after: float) -> float:
            await asyncio.sleep(after)
            await switch.wait(1)
            return loop.time()

        times = await asyncio.gather(waited(0), waited(0.3), waited(0.5))
        switch.report(False)
        await asyncio.sleep(0)
        assert not switch
        return times

    assert run_in_virtual_time(work()) == pytest.approx((0.4, 0.4, 0.5))


def event() -> Event:
    return Event(uuid4(), str(uuid4()), b"{}")


def publisher(port: int, block_time: float) -> Publisher:
    config = client_config(f"127.0.0.1:{port}", None, delivery_timeout=1, request_timeout=0.5)
    return Publisher(config, topic="orders", block_time=block_time, request_timeout=0.5)


@pytest.mark.process
@pytest.mark.parametrize("block_time", [0, 0.3])
def test_without_a_broker_every_publish_fails_after_the_block_time(block_time: float) -> None:
    async def work() -> None:
        made = publisher(free_port(), block_time)
        for publish in (made.publish(event()), made.publish_confirmed(event()), made.publish_all([event()])):
            start = time.monotonic()
            with pytest.raises(PublishFailedError, match="no broker reachable"):
                await publish
            assert block_time <= time.monotonic() - start + 0.001 < block_time + 10
        assert await made.publish_all([]) == []
        await made.close(1)

    asyncio.run(work())


async def believing(made: Publisher, publish: Callable[[], Awaitable[T]]) -> T:
    """Publish while the publisher believes in a broker; its client may find out meanwhile: make it believe again."""
    for _ in range(20):
        made.reachability.report(True)
        await asyncio.sleep(0)
        try:
            return await publish()
        except PublishFailedError as failure:
            if "no broker reachable" not in str(failure):
                raise
    raise AssertionError("the client found out 20 times that no broker is there")


@pytest.mark.process
def test_an_event_given_up_by_the_client_is_logged_as_lost(caplog: pytest.LogCaptureFixture) -> None:
    lost = [event() for _ in range(3)]

    async def work() -> list[bool]:
        made = publisher(free_port(), 1)
        # As if the broker had died this very moment.
        await believing(made, lambda: made.publish(lost[0]))
        with pytest.raises(PublishFailedError, match="not confirmed: _MSG_TIMED_OUT"):
            await believing(made, lambda: made.publish_confirmed(lost[1]))
        assert not made.reachability, "a failed delivery casts doubt on the broker"
        delivered = await believing(made, lambda: made.publish_all(lost[2:]))
        await made.close(1)
        return delivered

    with caplog.at_level(logging.ERROR, "orderservice.publisher"):
        assert asyncio.run(work()) == [False]
    assert caplog.messages == [f"event lost for order {lost[0].key}: delivery failed (_MSG_TIMED_OUT)"]


@pytest.mark.process
def test_closing_is_bounded_names_what_is_given_up_and_leaves_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    last = event()
    before = threading.active_count()

    async def work() -> float:
        made = publisher(free_port(), 1)
        await believing(made, lambda: made.publish(last))
        start = time.monotonic()
        await made.close(0.2)
        return time.monotonic() - start

    with caplog.at_level(logging.ERROR, "orderservice.publisher"):
        assert asyncio.run(work()) < 2.5
    assert f"event lost for order {last.key}: delivery failed (_PURGE_QUEUE)" in caplog.messages
    assert "1 events were given up at shutdown" in caplog.messages
    assert threading.active_count() == before


def test_refused_properties_are_a_sentence_without_values() -> None:
    async def work() -> None:
        config = client_config("127.0.0.1:9092", None, delivery_timeout=3, request_timeout=1)
        Publisher(config | {"sasl.passwort": "s3cret"}, topic="orders", block_time=1, request_timeout=1)

    with pytest.raises(ClientConfigError, match=r"sasl\.passwort") as wrong:
        asyncio.run(work())
    assert "s3cret" not in str(wrong.value)
