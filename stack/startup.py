"""Brings the parts of a stack up, several at a time, and starts nothing that runs already as it is wanted.

Each start is a generator that yields while it waits, and one loop advances them all: no threads, so it also works
under gevent. Order: broker and database at once, then the order service, and the proxy as soon as the component that it
leads to is ready (before the service, if it is the service's own way).
"""

from __future__ import annotations

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
from stack.state_file import StackState
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
    """One bringing up of the stack.

    started: the components that were started so far, also while `run` goes on or when it has failed.
    """

    store: StateStore
    parts: Parts
    wanted: StackSettings
    with_service: bool
    progress: Progress
    started: list[ManagedProcess] = field(default_factory=list, init=False)
    _ready: set[str] = field(default_factory=set, init=False)

    def choose_ports(self) -> dict[str, int]:
        """The port of each server: as given, else where it runs or ran, else a free one."""
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
        """Advance every component's start in turn until all are ready; raises StackError when one fails."""
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
                start.close()  # ends what a start had under way when another one failed

    def _state(self) -> StackState:
        state = self.store.load()
        if state is None:
            raise StackError(f"the stack in {self.store.home} was taken down while it was starting: start it again")
        return state

    def _start(self, component: ManagedProcess, port: int, extra: dict[str, object]) -> Generator[None, None, None]:
        """Bring one component up, yielding while it starts; one that runs on another port or otherwise is restarted."""
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
        """The broker's further ports: those it runs with, so that it need not be restarted, else where it ran."""
        broker, record = self.parts.broker, self.parts.broker.record
        known: dict[str, object] = dict(record.extra) if record else {}
        # One that was started by an earlier version has no listener for the proxy.
        if broker.is_alive() and (self.wanted.proxy != "broker" or {LISTENER_PORT, PROXY_PORT} <= known.keys()):
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
        """Whether a port is free, or the proxy's own."""
        proxy = self.parts.proxy
        return ports.is_free(port) or (proxy.is_alive() and proxy.port == port)

    def _stop_proxy(self) -> None:
        """Take the proxy away that stands where nobody wants one now."""
        state = self.store.load()
        standing = state.proxy if state else ""
        # Without a word about the service it stays as it is, and so does its way.
        if standing and standing != self.wanted.proxy and (self.wanted.proxy or self.with_service):
            self.progress("proxy", f"to the {standing} taken away", None)
            self.parts.proxy.request_stop()
            self.parts.proxy.discard(STOP_TIMEOUT_S)
            self.store.drop("proxy")

    def _start_proxy(self, avoid: Collection[int]) -> Generator[None, None, None]:
        """The proxy comes once the component that it leads to answers."""
        while self.wanted.proxy not in self._ready:
            yield
        state = self._state()
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
        """The service comes once the database answers and its own way is there."""
        database, broker = self.parts.database, self.parts.broker
        way = "proxy" if self.wanted.proxy in ("broker", "database") else ""
        while not (database.is_alive() and broker.is_alive() and database.probe(PROBE_S).ok):
            yield
        while way and way not in self._ready:
            yield
        yield from self._start(self.parts.service, port, fingerprint(self._state()))
