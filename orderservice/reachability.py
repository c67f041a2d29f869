"""Whether a broker can be reached, as a switch that publishers wait for.

A Java producer has topic metadata or waits for it. librdkafka never waits, so this switch replaces the metadata:
threads of the Kafka client set it, coroutines wait for it. It belongs to one event loop.
"""

import asyncio


class UnreachableError(Exception):
    """No broker was reachable within the time allowed."""


class Reachability:
    """Unknown counts as unreachable: before the first answer of a broker a publish waits as during an outage.

    Create it inside the running event loop. Only :meth:`report` may be called from other threads.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._known = asyncio.Event()

    def __bool__(self) -> bool:
        return self._known.is_set()

    def report(self, reachable: bool) -> None:
        """Set the switch; safe from any thread, without effect once the loop is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._known.set if reachable else self._known.clear)

    async def wait(self, block_time: float) -> None:
        """Return at once if a broker is reachable, else when one becomes so.

        Raises:
            UnreachableError: none became reachable within ``block_time`` seconds (0: none is now).
        """
        if self._known.is_set():
            return
        if block_time > 0:
            try:
                async with asyncio.timeout(block_time):
                    await self._known.wait()
            except TimeoutError:
                pass
            else:
                return
        raise UnreachableError(f"no broker reachable for {block_time:g} s")
