"""Startup of a stack: starts its components, several at a time, unless they run already as wanted.

Each start is a generator that yields while it waits, and one loop advances them all: no threads, so it also works under
gevent. Order: broker and database together, then the order service; the TCP proxy as soon as the component behind it is
ready (before the order service, if that connects through the proxy).
"""

import time
from collections.abc import Collection, Generator
from dataclasses import dataclass, field

from stack import ports, process
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.kafka import CONTROLLER_PORT, LISTENER_PORT, PROXY_PORT, Broker
from stack.postgres import Database
from stack.progress import Progress, Stopwatch
from stack.proxy import Proxy, proxy_extra
from stack.service import Service, fingerprint
from stack.settings import StackSettings
from stack.state_store import StateStore

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
PROBE_S = 2.0


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of one stack."""

    database: Database
    broker: Broker
    service: Service
    proxy: Proxy

    @property
    def servers(self) -> tuple[ManagedProcess, ...]:
        """Database, broker, service: the order in which they depend on each other."""
        return (self.database, self.broker, self.service)


@dataclass(slots=True)
class Start:
    """One startup of the stack.

    started: the components that were started so far, also when `run` has failed.
    """

    store: StateStore
    parts: Parts
    wanted: StackSettings
    with_service: bool
    progress: Progress
    started: list[ManagedProcess] = field(default_factory=list, init=False)
    _ready: set[str] = field(default_factory=set, init=False)

    def choose_ports(self) -> dict[str, int]:
        """The port of each server: as given, else the one on which it runs or ran, else a free one."""
        asked = {
            "database": (self.wanted.database_port, "--database-port"),
            "broker": (self.wanted.kafka_port, "--kafka-port"),
            "service": (self.wanted.service_port, "--service-port"),
        }
        chosen: dict[str, int] = {}
        for component in self.parts.servers if self.with_service else self.parts.servers[:2]:
            port, option = asked[component.name]
            record = component.record
            if record and component.is_alive() and port in (0, record.port):
                chosen[component.name] = record.port
            elif port:
                chosen[component.name] = ports.claim(port, option)
            elif record and ports.is_free(record.port):
                chosen[component.name] = record.port
        given = {port for port, _ in asked.values() if port}
        for component in self.parts.servers:
            chosen.setdefault(component.name, ports.choose({*chosen.values(), *given}))
        return chosen

    def run(self, chosen: dict[str, int]) -> None:
        """Advance all starts in turn until all components are ready; raises StackError when one fails."""
        self._stop_proxy()
        starts = [  # the slowest first
            self._start(self.parts.broker, chosen["broker"], self._broker_extra(chosen.values())),
            self._start(self.parts.database, chosen["database"], {}),
        ]
        if self.wanted.proxy:
            starts.append(self._start_proxy(chosen.values()))
        if self.with_service:
            starts.append(self._start_service(chosen["service"]))
        try:
            while starts:
                starts = [start for start in starts if next(start, "ready") is None]
                time.sleep(process.POLL_S)
        finally:
            for start in starts:
                start.close()  # ends the processes of a start when another start failed

    def _start(self, component: ManagedProcess, port: int, extra: dict[str, object]) -> Generator[None, None, None]:
        """Start one component unless it runs; restart it if it runs with another port or another `extra`."""
        watch = Stopwatch(self.progress, component.name)
        record = component.record
        if record and component.is_alive() and (record.port, record.extra) == (port, extra):
            component.recover()
            yield from component.until_ready(READY_TIMEOUT_S)
            watch.done("running")
        else:
            self.progress(component.name, "restarting" if component.is_alive() else "starting", None)
            component.stop(STOP_TIMEOUT_S)
            yield from component.prepare()
            self.started.append(component)
            component.start_on(port, extra)
            yield from component.until_ready(READY_TIMEOUT_S)
            watch.done("ready")
        self._ready.add(component.name)

    def _broker_extra(self, avoid: Collection[int]) -> dict[str, object]:
        """The broker's further ports: those with which it runs, else those with which it ran, else free ones."""
        broker, record = self.parts.broker, self.parts.broker.record
        known: dict[str, object] = dict(record.extra) if record else {}
        if broker.is_alive():
            return known
        extra: dict[str, object] = {}
        taken = {*avoid}
        for name in (CONTROLLER_PORT, LISTENER_PORT, PROXY_PORT):
            port = known.get(name)
            if not isinstance(port, int) or port in taken or not self._may_have(port):
                port = ports.choose(taken)
            extra[name] = port
            taken.add(port)
        return extra

    def _may_have(self, port: int) -> bool:
        """Whether a port is free or the proxy's own."""
        proxy = self.parts.proxy
        return ports.is_free(port) or (proxy.is_alive() and proxy.port == port)

    def _stop_proxy(self) -> None:
        """End a proxy that is no longer wanted, or not in front of this component."""
        state = self.store.load()
        standing = state.proxy if state else ""
        # Where the service is left alone, its connections are too.
        if standing and standing != self.wanted.proxy and (self.wanted.proxy or self.with_service):
            self.progress("proxy", f"to the {standing} ended", None)
            self.parts.proxy.request_stop()
            self.parts.proxy.discard(STOP_TIMEOUT_S)
            self.store.drop("proxy")

    def _start_proxy(self, avoid: Collection[int]) -> Generator[None, None, None]:
        """Start the proxy once the component behind it is ready."""
        while self.wanted.proxy not in self._ready:
            yield
        state = self.store.started()
        proxy, toward = self.parts.proxy, state.components[self.wanted.proxy]
        target_port, port = toward.port, proxy.port if state.proxy else 0
        if self.wanted.proxy == "broker":
            target_port, port = int(toward.extra[LISTENER_PORT]), int(toward.extra[PROXY_PORT])
            if not self._may_have(port):
                raise StackError(
                    f"port {port}, where Kafka sends the order service, is taken by another process: stop that "
                    "process, or run 'python -m stack down', after which Kafka starts with another port"
                )
        elif not port or not self._may_have(port):
            port = ports.choose(avoid)
        yield from self._start(proxy, port, proxy_extra(self.wanted.proxy, target_port))

    def _start_service(self, port: int) -> Generator[None, None, None]:
        """Start the service once the database answers, and the proxy is ready if the service connects through it."""
        database, broker = self.parts.database, self.parts.broker
        way = "proxy" if self.wanted.proxy in ("broker", "database") else ""
        while not (database.is_alive() and broker.is_alive() and database.probe(PROBE_S).ok):
            yield
        while way and way not in self._ready:
            yield
        yield from self._start(self.parts.service, port, fingerprint(self.store.started()))
