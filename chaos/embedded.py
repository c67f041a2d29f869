"""The embedded stack as the system under test of this process: taken into use, adjusted to each run, given back.

A stack that was there before is used and left running; one that this process brought up, or that a harness which has
died left behind, goes down with it.
"""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

from chaos.preflight import PreflightError
from chaos.probes import ProbeSpec
from chaos.subject import PlacedOrder, Subject
from chaos.targets.process import ProcessTarget
from runlog.settings import Settings
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.lease import Lease
from stack.settings import ServiceSettings, StackSettings

PlaceOrder = Callable[[str, float, uuid.UUID], PlacedOrder]
"""Places an order: service URL, timeout in seconds, customer id."""


class EmbeddedSystem:
    """The embedded stack of this checkout, in use by this process.

    Args:
        progress: told each step of the stack, as `stack.embedded` tells it.
        place_order: how an order is placed.
    """

    def __init__(self, progress: Callable[[str, str, float | None], None], place_order: PlaceOrder) -> None:
        self._stack = EmbeddedStack(progress=progress)
        self._place_order = place_order
        self._lease = Lease(self.home / "lease")
        self._owner = f"locust:{os.getpid()}"
        self._ours = False

    @property
    def home(self) -> Path:
        """Folder of the stack's state."""
        return self._stack.home

    def open(self, settings: Settings) -> str:
        """Take the lease, bring the stack up if it is not, and return the service's URL.

        Raises:
            LeaseTaken: another harness uses it.
            StackError: it does not come up.
        """
        self._lease.take()
        state = self._stack.up(stack_settings(settings), owner=self._owner)
        # The first owner stays recorded while anything of the stack lives: one that was there before is not ours.
        self._ours = state.owner == self._owner or _has_died(state.owner)
        return state.service_url

    def close(self) -> None:
        """Take down what this process brought up; harmless when done twice.

        Raises:
            StackError: it does not go down.
        """
        try:
            if self._ours:
                self._ours = False
                self._stack.down()
        finally:
            self._lease.give_back()

    def prepare(self, settings: Settings) -> Subject:
        """Return the stack as `settings` want it; the service is restarted when its own settings have changed.

        Raises:
            PreflightError: it does not come up that way.
        """
        try:
            state = self._stack.up(stack_settings(settings), owner=self._owner)
        except StackError as error:
            raise PreflightError(str(error)) from None
        outbox = settings.service_variant == "outbox"
        url, timeout_s = state.service_url, settings.request_timeout
        return Subject(
            service_url=url,
            health_url=f"{url}/actuator/health",
            database_url=state.database_url,
            kafka={"bootstrap.servers": state.kafka_bootstrap},
            probe=ProbeSpec("kafka", state.kafka_bootstrap),
            topic=settings.topic,
            orders_table="orders",
            outbox_table="outbox" if outbox else None,
            backlog_url=f"{url}/outbox/backlog" if outbox else None,
            phantom_url=f"{url}/chaos/phantom-event" if settings.scenario == "phantom-event" else None,
            target=ProcessTarget("broker", "Apache Kafka", self._stack.broker, self.home),
            place_order=lambda customer_id: self._place_order(url, timeout_s, customer_id),
            logs={name: str(path) for name, path in state.log_paths.items()},
            environment={
                "order service": f"{settings.service_variant} at {url}",
                "broker": f"Apache Kafka at {state.kafka_bootstrap}",
                "database": f"PostgreSQL, port {state.port('database')}",
            },
        )


def stack_settings(settings: Settings) -> StackSettings:
    """Return what `settings` ask of a stack that is ours."""
    service = ServiceSettings(
        variant=settings.service_variant,
        pool_size=settings.service_pool,
        pool_wait=settings.service_pool_wait,
        block_time=settings.service_block_time,
        delivery_timeout=settings.delivery_timeout,
        topic=settings.topic,
        chaos=settings.scenario == "phantom-event",
        confirm_wait=settings.service_confirm_wait,
        publish_failure=settings.service_publish_failure,
    )
    return StackSettings(settings.service_port, settings.database_port, settings.kafka_port, service)


def _has_died(owner: str) -> bool:
    """Return whether `owner` is a Locust that has ended without taking its stack down."""
    kind, _, pid = owner.partition(":")
    return kind == "locust" and not (pid.isdigit() and psutil.pid_exists(int(pid)))
