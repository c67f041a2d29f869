"""The embedded stack: PostgreSQL, Kafka and the order service on this machine, started, probed, taken down.

`up` starts what is missing and nothing else (`stack.startup`). A fourth process, the TCP proxy, runs in front of one
component if it is asked for (`stack.proxy`).
"""

from contextlib import AbstractContextManager, suppress
from pathlib import Path

from health.check import Health
from stack import kafka_archive, orphans, process
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.kafka import Broker
from stack.lease import LEASE, Lease
from stack.lock import locked
from stack.orphans import Orphan
from stack.postgres import Database
from stack.progress import Progress, Stopwatch, silent
from stack.proxy import Proxy
from stack.service import Service
from stack.settings import StackSettings
from stack.startup import PROBE_S, STOP_TIMEOUT_S, Parts, Start
from stack.state_file import StackState
from stack.state_store import StateStore, default_home

_LOCK_WAIT_S = 120.0


class EmbeddedStack:
    """The stack whose state, data and logs are in `home` (default: this checkout's).

    Raises StackError (or a subclass) with one sentence when something does not start or stop.
    """

    def __init__(self, home: Path | None = None, progress: Progress = silent) -> None:
        self._store = StateStore(home or default_home())
        self._progress = progress
        self.database = Database(self._store)
        self.broker = Broker(self._store)
        self.service = Service(self._store)
        self.proxy = Proxy(self._store)
        self._parts = Parts(self.database, self.broker, self.service, self.proxy)

    @property
    def home(self) -> Path:
        """Folder of state, data and logs."""
        return self._store.home

    @property
    def components(self) -> tuple[ManagedProcess, ...]:
        """Database, broker, service, in the order in which they depend on each other, and the proxy if there is one."""
        return (*self._parts.servers, *([self.proxy] if self.proxy.record else []))

    def up(self, settings: StackSettings | None = None, owner: str = "", *, with_service: bool = True) -> StackState:
        """Bring the stack up and return its state once everything answers.

        owner: recorded in the state, unless the stack runs already: then the first owner stays, so that a second
        caller sees that it must not take it down. with_service: False leaves the order service alone.
        What already runs as wanted is left alone. The service is restarted when its settings differ, or when its
        connections to the broker or the database begin or cease to run through the proxy.
        Raises PortTaken, ChecksumError, FetchError or StackError; what this call started is stopped again then.
        """
        wanted = settings or StackSettings()
        if wanted.proxy == "service" and not with_service:
            raise StackError("a proxy in front of the order service needs the order service: leave out one of the two")
        self._store.make()
        with self._locked("the start of the stack"):
            self._end_orphans()
            kafka_archive.ensure(progress=self._progress)
            start = Start(self._store, self._parts, wanted, with_service, self._progress)
            chosen = start.choose_ports()
            watch = Stopwatch(self._progress, "stack")
            try:
                self._store.begin(owner, wanted.service, with_service=with_service)
                start.run(chosen)
            except BaseException:
                self._end(start.started)
                raise
            watch.done("ready")
            return self._store.started()

    def down(self) -> None:
        """End every component (killed if it does not end within 10 s) and forget them; the data stays."""
        if self.status() is None and not self.orphans():
            return
        with self._locked("the stop of the stack"):
            self._end([*self.components])
            with self._store.starting():  # a component started again now would be in no record
                for component in self.components:
                    component.kill()
                self._store.forget()

    def clean(self) -> None:
        """Take the stack down and delete its data, its logs, a harness's journal, and its lease unless that is held."""
        self.down()
        self.database.remove_data()
        self._store.delete(spare=LEASE if Lease(self.home / LEASE).holder() else "")

    def status(self) -> StackState | None:
        """The recorded state; None if there is none. A recorded component may have ended: see `health`."""
        return self._store.load()

    def orphans(self) -> list[Orphan]:
        """Processes of this stack that are in no record: what started them was killed before it could record them.

        A process that is starting now may be among them, so end them only under the stack's lock.
        """
        folders = [self.home / "data"]
        with suppress(StackError):  # no folder for a database: then none was started
            folders.append(self.database.data_folder)

        def recorded() -> list[int]:
            records = [component.record for component in self.components]
            return [entry.pid for entry in records if entry and process.is_alive(entry.pid, entry.started)]

        return orphans.find(self.home, folders, recorded)

    def health(self, timeout_s: float = PROBE_S) -> dict[str, Health]:
        """Probe each component on its own protocol, for `timeout_s` seconds at most each."""
        return {c.name: c.probe(timeout_s) if c.is_alive() else Health(False, "not running") for c in self.components}

    def _locked(self, purpose: str) -> AbstractContextManager[None]:
        return locked(self.home / "lock", _LOCK_WAIT_S, purpose)

    def _end_orphans(self) -> None:
        with self._store.starting():  # else a process that another process starts now would be among them
            found = self.orphans()
            for orphan in found:
                self._progress(orphan.component, f"ending process {orphan.pid}, which is in no record", None)
            orphans.end(found)

    def _end(self, components: list[ManagedProcess]) -> None:
        """Send all the signal to end, then wait for each; kill what does not end."""
        watch = Stopwatch(self._progress, "stack")
        for component in reversed(components):
            component.request_stop()
        for component in reversed(components):
            component.discard(STOP_TIMEOUT_S)
        self._end_orphans()  # of a start that was interrupted before it could be recorded
        if components:
            watch.done("stopped")
