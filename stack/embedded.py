"""The embedded stack: PostgreSQL, Kafka and the order service on this machine, brought up, looked at, taken down.

`up` starts what is missing and nothing else, several components at a time (each start is a generator that yields
while it waits, and one loop advances them all: no threads, so it also works under gevent).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from stack import kafka_archive, kafka_jars, ports, process, strays
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.health import Health
from stack.kafka import Broker
from stack.lease import LEASE, Lease
from stack.lock import locked
from stack.postgres import Database
from stack.progress import Progress, Stopwatch, silent
from stack.records import StackState
from stack.service import Service, fingerprint
from stack.settings import StackSettings
from stack.store import StateStore, default_home
from stack.strays import Stray

_LOCK_WAIT_S = 120.0
_READY_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_PROBE_S = 2.0


class EmbeddedStack:
    """The stack whose state, data and logs are in `home` (default: this checkout's).

    Raises StackError (or a subclass) with one sentence whenever something does not come up or go down.
    """

    def __init__(self, home: Path | None = None, progress: Progress = silent, cache: Path = kafka_jars.CACHE) -> None:
        self._store = StateStore(home or default_home())
        self._progress = progress
        self._cache = cache
        self.database = Database(self._store)
        self.broker = Broker(self._store, cache)
        self.service = Service(self._store)

    @property
    def home(self) -> Path:
        """Folder of state, data and logs."""
        return self._store.home

    @property
    def components(self) -> tuple[ManagedProcess, ...]:
        """Database, broker, service: the order in which they depend on each other."""
        return (self.database, self.broker, self.service)

    def up(self, settings: StackSettings | None = None, owner: str = "", *, with_service: bool = True) -> StackState:
        """Bring the stack up and return its state once everything answers.

        owner: recorded in the state, unless the stack runs already: then its first owner stays, so that a second
        caller can tell that it is not theirs to take down. with_service: False leaves the order service alone.
        What already runs as asked is left alone; the service is restarted when its settings differ.
        Raises PortTaken, ChecksumError, FetchError or StackError; what this call started is stopped again then.
        """
        wanted = settings or StackSettings()
        self._store.make()
        with self._locked("starting the stack"):
            self._end_strays()
            kafka_archive.ensure(self._cache, progress=self._progress)
            chosen = self._choose_ports(wanted, with_service=with_service)
            started: list[ManagedProcess] = []
            watch = Stopwatch(self._progress, "stack")
            try:
                self._store.begin(owner, wanted.service)
                self._start_all(chosen, started, with_service=with_service)
            except BaseException:
                self._end(started)
                raise
            watch.done("ready")
            return self._state()

    def down(self) -> None:
        """End every component (killed if it does not end within 10 s) and forget them; the data stays."""
        if self.status() is None and not self.strays():
            return
        with self._locked("stopping the stack"):
            self._end([*self.components])
            self._store.forget()

    def clean(self) -> None:
        """Take the stack down and delete its data, its logs, and a harness's journal and lease (one in use stays)."""
        self.down()
        self.database.remove_data()
        self._store.delete(spare=LEASE if Lease(self.home / LEASE).holder() else "")

    def status(self) -> StackState | None:
        """What is recorded; None if nothing is. Ask each component's `is_alive`, or `health`, whether it lives."""
        return self._store.load()

    def strays(self) -> list[Stray]:
        """Processes of this stack that no record knows: whoever started them was killed while doing so.

        One that is just being started may be among them, so end them only under the stack's lock.
        """

        folders = [self.home / "data"]
        with suppress(StackError):  # no place for a database: then none was started
            folders.append(self.database.data_folder)

        def recorded() -> list[int]:
            records = [component.record for component in self.components]
            return [entry.pid for entry in records if entry and process.is_alive(entry.pid, entry.started)]

        return strays.find(self.home, folders, recorded)

    def health(self, timeout_s: float = _PROBE_S) -> dict[str, Health]:
        """Ask each component on its own protocol; `timeout_s` seconds at most for each."""
        return {c.name: c.probe(timeout_s) if c.is_alive() else Health(False, "not running") for c in self.components}

    def _locked(self, purpose: str) -> AbstractContextManager[None]:
        return locked(self.home / "lock", _LOCK_WAIT_S, purpose)

    def _state(self) -> StackState:
        state = self._store.load()
        if state is None:
            raise StackError(f"the stack in {self.home} was taken down while it was starting: start it again")
        return state

    def _choose_ports(self, wanted: StackSettings, *, with_service: bool) -> dict[str, int]:
        """The port of each component: as given, else where it runs or ran, else a free one."""
        asked = {
            "database": (wanted.database_port, "--database-port"),
            "broker": (wanted.kafka_port, "--kafka-port"),
            "service": (wanted.service_port, "--service-port"),
        }
        chosen: dict[str, int] = {}
        for component in self.components if with_service else self.components[:2]:
            port, option = asked[component.name]
            record = component.record
            if record and component.is_alive() and port in (0, record.port):
                chosen[component.name] = record.port
            elif port:
                chosen[component.name] = ports.claim(port, option)
            elif record and ports.is_free(record.port):
                chosen[component.name] = record.port
        given = {port for port, _ in asked.values() if port}
        for component in self.components:
            chosen.setdefault(component.name, ports.choose({*chosen.values(), *given}))
        return chosen

    def _start_all(self, chosen: dict[str, int], started: list[ManagedProcess], *, with_service: bool) -> None:
        """Advance every component's start in turn until all are ready."""
        controller_port = ports.choose(chosen.values())
        starts = [  # the slowest first
            self._start(self.broker, chosen["broker"], {"controller_port": controller_port}, started),
            self._start(self.database, chosen["database"], {}, started),
        ]
        if with_service:
            starts.append(self._start_service(chosen["service"], started))
        try:
            while starts:
                starts = [start for start in starts if next(start, "ready") is None]
                time.sleep(process.POLL_S)
        finally:
            for start in starts:
                start.close()  # ends what a start had under way when another one failed

    def _start(
        self, component: ManagedProcess, port: int, extra: dict[str, object], started: list[ManagedProcess]
    ) -> Generator[None, None, None]:
        """Bring one component up, yielding while it starts."""
        watch = Stopwatch(self._progress, component.name)
        if component.is_alive() and component.port == port:
            component.resume()  # a harness that was killed may have left it paused
            yield from component.until_ready(_READY_TIMEOUT_S)
            watch.done("running")
            return
        component.stop(_STOP_TIMEOUT_S)
        yield from component.prepare()
        self._progress(component.name, "starting", None)
        started.append(component)
        component.start_on(port, extra)
        yield from component.until_ready(_READY_TIMEOUT_S)
        watch.done("ready")

    def _start_service(self, port: int, started: list[ManagedProcess]) -> Generator[None, None, None]:
        """The service comes once the database answers; one that runs with other settings is restarted."""
        while not (self.database.is_alive() and self.broker.is_alive() and self.database.probe(_PROBE_S).ok):
            yield
        extra = fingerprint(self._state())
        record = self.service.record
        if record and record.extra != extra and self.service.is_alive():
            self._progress("service", "restarting", None)
            self.service.stop(_STOP_TIMEOUT_S)
        yield from self._start(self.service, port, extra, started)

    def _end_strays(self) -> None:
        found = self.strays()
        for stray in found:
            self._progress(stray.component, f"ending process {stray.pid}, which no record knows", None)
        strays.end(found)

    def _end(self, components: list[ManagedProcess]) -> None:
        """Ask all to end at once, then wait for each; kill what does not."""
        watch = Stopwatch(self._progress, "stack")
        for component in reversed(components):
            component.request_stop()
        for component in reversed(components):
            component.discard(_STOP_TIMEOUT_S)
        self._end_strays()  # a start that was struck before it could be recorded
        if components:
            watch.done("stopped")
