"""Publishing as a Java producer does it: wait while no broker is reachable, then fail; else return at once.

An event can be lost in two ways, with two texts in the log. ``WARNING publish failed``: the client never had it, known
before the commit. ``ERROR event lost``: the client had it and dropped it later, after the order was answered.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message

from orderservice.kafka_client import KafkaClient
from orderservice.orders import Event
from orderservice.reachability import Reachability, UnreachableError

log = logging.getLogger("orderservice.publisher")


class PublishFailedError(Exception):
    """An event was not published (or, from :meth:`Publisher.publish_confirmed`, not provably)."""


class Publisher:
    """Publishes events to one topic. Create it inside the running event loop.

    Args:
        block_time: seconds a publish waits for a reachable broker; 0 fails at once.
        request_timeout: seconds after which a silent broker counts as unreachable.
    """

    def __init__(self, config: dict[str, object], *, topic: str, block_time: float, request_timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._block_time = block_time
        self.reachability = Reachability()
        self._client = KafkaClient(config, topic, self.reachability, request_timeout)

    async def publish(self, event: Event) -> None:
        """Give an event to the client; a failure after that is only logged.

        Raises:
            PublishFailedError: no broker was reachable within the block time, or the client refused the event.
        """
        await self._hand_over(event, _log_loss)

    async def publish_confirmed(self, event: Event, longest: float = 0.0) -> None:
        """Publish an event and wait until a broker has acknowledged it.

        Args:
            longest: seconds to wait for the acknowledgement; 0: until the event is delivered or dropped.

        Raises:
            PublishFailedError: as :meth:`publish`, or the event was dropped or not acknowledged in time. It may
                still be in the topic, or be appended later: a broker may have written it and its acknowledgement was
                lost, and the client keeps trying after ``longest``.
        """
        confirmed: asyncio.Future[None] = self._loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if confirmed.done():
                return
            if error is None:
                confirmed.set_result(None)
            else:
                confirmed.set_exception(PublishFailedError(f"not confirmed: {error.name()}"))

        def report(error: KafkaError | None, message: Message) -> None:
            if confirmed.done():
                # The waiting request has ended, so this is the only trace.
                _log_loss(error, message)
            self._in_loop(settle, error)

        await self._hand_over(event, report)
        try:
            async with asyncio.timeout(longest or None):
                await confirmed
        except TimeoutError:
            raise PublishFailedError(f"not confirmed within {longest:g} s") from None

    async def publish_all(self, events: Sequence[Event]) -> list[bool]:
        """Publish a batch and wait for the report of every event.

        Returns:
            For each event, in order, whether a broker acknowledged it.

        Raises:
            PublishFailedError: no broker was reachable within the block time; the client got nothing.
        """
        delivered = [False] * len(events)
        pending = len(events)
        finished: asyncio.Future[None] = self._loop.create_future()

        def settle(index: int, error: KafkaError | None) -> None:
            nonlocal pending
            delivered[index] = error is None
            pending -= 1
            if pending == 0 and not finished.done():
                finished.set_result(None)

        def report_for(index: int) -> Callable[[KafkaError | None, Message], None]:
            return lambda error, _: self._in_loop(settle, index, error)

        if not events:
            return delivered
        await self._reachable()
        for index, event in enumerate(events):
            try:
                self._client.produce(event.key, event.value, report_for(index))
            except (BufferError, KafkaException) as refused:
                log.warning("publish failed for order %s: %s", event.key, _reason(refused))
                settle(index, KafkaError(KafkaError._FAIL))
        await finished
        return delivered

    async def close(self, timeout: float) -> None:
        """Flush for at most ``timeout`` seconds; the rest is dropped and logged as lost."""
        given_up = await asyncio.to_thread(self._client.close, timeout)
        if given_up:
            log.error("%d events were given up at shutdown", given_up)

    async def _reachable(self) -> None:
        try:
            await self.reachability.wait(self._block_time)
        except UnreachableError as unreachable:
            raise PublishFailedError(str(unreachable)) from None

    async def _hand_over(self, event: Event, report: Callable[[KafkaError | None, Message], None]) -> None:
        await self._reachable()
        try:
            self._client.produce(event.key, event.value, report)
        except (BufferError, KafkaException) as refused:
            raise PublishFailedError(_reason(refused)) from None

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        # Reports may still arrive while the process ends and the loop is closed.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


def _reason(refused: BufferError | KafkaException) -> str:
    if isinstance(refused, KafkaException):
        return f"the client refused it ({refused.args[0].name()})"
    return "the client's queue is full"


def _log_loss(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        key = message.key()
        log.error("event lost for order %s: delivery failed (%s)", key.decode() if key else "?", error.name())
