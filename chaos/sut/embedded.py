"""The embedded stack as the system under test of this process: acquired, adjusted to each run, released.

A stack that ran before stays up. One that this process started, or that a dead harness left behind, is stopped when
this process ends.
"""

import logging
from pathlib import Path
from typing import Final

from chaos.faults.fault import Need
from chaos.faults.limits import Limits
from chaos.faults.probe_recipes import stack_recipe
from chaos.faults.registry import chosen_fault
from chaos.faults.restore import look_at, restore
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog.client import Watchdog, WatchdogGone
from chaos.faults.watchdog.liveness import will_be_free
from chaos.faults.watchdog.protocol import Refusal, Teardown
from chaos.faults.watchdog.teardown import as_parameters, has_died, owner_name
from chaos.sut.sut import PlaceOrder, PreflightError, Preview, SystemUnderTest
from health.spec import ProbeSpec
from settings.run_settings import Settings
from settings.stack_options import OUR_DELIVERY_S
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.lease import LEASE, Lease
from stack.progress import Progress
from stack.settings import ServiceSettings, StackSettings
from stack.state_file import StackState
from stores.variables import ignore_client_variables

log = logging.getLogger("chaos")

LEASE_WAIT_S: Final = 60.0


class EmbeddedSystem:
    """The embedded stack of this checkout, in use by this process.

    Args:
        progress: called with each step of the stack, see `stack.embedded`.
    """

    def __init__(self, progress: Progress, place_order: PlaceOrder) -> None:
        self._stack = EmbeddedStack(progress=progress)
        self._place_order = place_order
        self._lease = Lease(self.home / LEASE)
        self._owner = owner_name()
        self._ours = False
        self._earlier: dict[str, str] | None = None
        self.watchdog = Watchdog(self.home / "logs" / "watchdog.log")

    @property
    def home(self) -> Path:
        """Folder of the stack's state."""
        return self._stack.home

    def open(self, settings: Settings) -> str:
        """Take the lease, start the stack unless it runs, and return the service's URL.

        Raises:
            LeaseTaken: another harness uses it.
            StackError: it did not start.
        """
        ignore_client_variables()
        # The watchdog of a dead harness may still tear it down; one that is frozen is ended.
        self._lease.await_free(LEASE_WAIT_S, lambda: will_be_free(self._lease))
        state = self._up(settings)
        # The first owner stays recorded while any part of the stack runs, so a stack that ran before has another owner.
        self._ours = state.owner == self._owner or has_died(state.owner)
        return state.service_url

    def _up(self, settings: Settings) -> StackState:
        """Start the stack, or change it, as `settings` ask.

        A change may restart the service of a stack that ran before. Until all parts are up the watchdog holds the
        earlier settings, and restores them if this process ends first.

        Raises:
            StackError: it did not start.
            Refusal, WatchdogGone: the watchdog does not own it.
        """
        running = self._stack.status()
        if self._earlier is None and running is not None and all(part.is_alive() for part in self._stack.components):
            self._earlier = as_parameters(running)
        home = {"home": str(self.home)}
        # Before the first process starts: from now on the watchdog stops the stack if this process dies.
        self.watchdog.start()
        self.watchdog.own(Teardown("embedded", self._owner, home | (self._earlier or {})))
        state = self._stack.up(stack_settings(settings), owner=self._owner)
        self._earlier = None
        self.watchdog.own(Teardown("embedded", self._owner, home))
        return state

    def close(self) -> None:
        """Stop what this process started; calling it again does nothing.

        Raises:
            StackError: it did not stop.
        """
        try:
            if self._ours:
                self._ours = False
                self._stack.down()
            self._disown()
        finally:
            self._lease.give_back()
            self.watchdog.end()

    def _disown(self) -> None:
        if self.watchdog.alive and self._earlier is None:
            try:
                self.watchdog.own(None)
            except (Refusal, WatchdogGone) as error:
                log.warning("%s", error)

    def preview(self, settings: Settings) -> Preview:
        """Return what a run would use and break, without touching it."""
        try:
            state = self._stack.status()
        except StackError as error:
            return Preview(f"embedded stack in {self.home}", None, str(error))
        if holder := self._lease.holder():
            problem = f"another harness (process {holder}) uses this stack now; a run would be refused"
            return Preview(f"embedded stack in {self.home}", None, problem)
        running = state is not None and all(part.is_alive() for part in self._stack.components)
        fate = "runs already and stays up" if running else "would be started, and stopped at the end"
        target = open_target(self._spec(settings)).describe() if running else None
        return Preview(f"embedded stack in {self.home}, service variant {settings.service_variant}: {fate}", target)

    def _spec(self, settings: Settings) -> TargetSpec:
        return TargetSpec("process", settings.fault_target, {"home": str(self.home)})

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the stack as `settings` ask; the service restarts if its own settings changed.

        Raises:
            PreflightError: it did not start that way.
        """
        try:
            state = self._up(settings)
        except (StackError, Refusal, WatchdogGone) as error:
            raise PreflightError(str(error)) from None
        if not settings.injects_faults:
            self._heal_leftover(settings)  # otherwise the watchdog does, when it is armed
        outbox = settings.service_variant == "outbox"
        spec = self._spec(settings)
        url = state.service_url
        return SystemUnderTest(
            service_url=url,
            health_url=f"{url}/actuator/health",
            database_url=state.database_url,
            kafka={"bootstrap.servers": state.kafka_bootstrap},
            probe=(probe := _probe(settings, state)),
            recipe=stack_recipe(probe, str(self.home)),
            topic=settings.topic,
            contract=settings.contract,
            backlog_url=f"{url}/outbox/backlog" if outbox else None,
            phantom_url=f"{url}/chaos/phantom-event" if settings.scenario == "phantom-event" else None,
            target=open_target(spec),
            spec=spec,
            state_dir=self.home,
            place_order=lambda customer_id: self._place_order(settings, url, customer_id),
            logs={name: str(path) for name, path in [*state.log_paths.items(), ("watchdog", self.watchdog.log_path)]},
            environment={
                "order service": f"{settings.service_variant} at {url}",
                "broker": f"Apache Kafka at {state.kafka_bootstrap}",
                "database": f"PostgreSQL, port {state.port('database')}",
            },
        )

    def _heal_leftover(self, settings: Settings) -> None:
        """Heal a fault left open on this stack, whose lease we hold. Unreadable journals are skipped."""
        place = look_at(self.home)
        if place is None or place.fault is None:
            return
        try:
            log.warning(
                "stack: %s", restore(place, Limits(settings.command_timeout, settings.fault_timeout), line=log.info)
            )
        except TargetError as error:
            raise PreflightError(str(error)) from None


def _probe(settings: Settings, state: StackState) -> ProbeSpec:
    """How the target is asked: the way that a partition cuts, where one is planned."""
    if settings.fault_target == "database":
        through = state.proxy == "database"
        return ProbeSpec("sql", state.service_database_url, way="service" if through else "direct")
    if settings.fault_target == "service":
        return ProbeSpec("http", f"{state.service_url}/actuator/health")
    return ProbeSpec("kafka", state.service_kafka_bootstrap, way="service" if state.proxy == "broker" else "direct")


def stack_settings(settings: Settings) -> StackSettings:
    """Return the settings of a stack of our own that `settings` ask for."""
    service = ServiceSettings(
        variant=settings.service_variant,
        pool_size=settings.service_pool,
        pool_wait=settings.service_pool_wait,
        block_time=settings.service_block_time,
        delivery_timeout=OUR_DELIVERY_S if settings.delivery_timeout is None else settings.delivery_timeout,
        topic=settings.topic,
        chaos=settings.scenario == "phantom-event",
        confirm_wait=settings.service_confirm_wait,
        publish_failure=settings.service_publish_failure,
    )
    proxied = settings.injects_faults and Need.PROXY in chosen_fault(settings).needs
    proxy = settings.fault_target if proxied else ""
    return StackSettings(settings.service_port, settings.database_port, settings.kafka_port, service, proxy)
