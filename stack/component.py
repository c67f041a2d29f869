"""One component of the stack as a process: the common part of broker, database, order service and TCP proxy.

The process is looked up in `state.json` each time: several processes (a harness, the command line) may hold such an
object for the same component, and all of them see the process that was started last.
"""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from health.check import Health
from stack import process, spawn
from stack.errors import StackError
from stack.state_file import ComponentRecord
from stack.state_store import START_WAIT_S, StateStore

PROBE_S = 0.5
_PAUSE_WAIT_S = 5.0  # a thread that waits for the disk stops only when that is over


class ManagedProcess(ABC):
    """A component's process: `stop`, `kill`, `pause`, `resume`, `start` again on the same port and data.

    Safe under gevent's monkey patching: waits are short sleeps; only `wait_ready` of the broker makes a blocking
    C call (confluent_kafka), of at most 0.5 s at a time.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, store: StateStore) -> None:
        self._store = store

    @abstractmethod
    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """How to start this component on `port`; `extra` is what its record keeps beside the port."""

    @abstractmethod
    def probe(self, timeout_s: float) -> Health:
        """Probe the running component on its own protocol, for about `timeout_s` seconds at most."""

    def prepare(self) -> Iterator[None]:
        """Do what is needed once per data folder; yields while it waits."""
        yield from ()

    def before_start(self) -> None:
        """Remove what a dead process of the component may have left; called while the component is down."""
        return

    @property
    def record(self) -> ComponentRecord | None:
        """The recorded process, alive or not; None if this home never started the component."""
        state = self._store.load()
        return state.components.get(self.name) if state else None

    def _needed(self) -> ComponentRecord:
        record = self.record
        if record is None:
            raise StackError(f"{self.title} was never started by this stack: run 'python -m stack up'")
        return record

    @property
    def pid(self) -> int:
        """Process id of the recorded process; raises StackError if there is none."""
        return self._needed().pid

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1; raises StackError if the component was never started."""
        return self._needed().port

    @property
    def log_path(self) -> Path:
        """File that the process's output is appended to."""
        return self._store.log_path(self.name)

    def is_alive(self) -> bool:
        """Whether the recorded process runs: pid and start time match, and it is no zombie. Paused counts as alive."""
        record = self.record
        return record is not None and process.is_alive(record.pid, record.started)

    def is_paused(self) -> bool:
        """Whether the recorded process runs, and it or one of its descendants is stopped by a signal."""
        return any(process.is_paused(each.pid) for each in self._family())

    def _family(self) -> list[psutil.Process]:
        """The recorded process and its descendants; empty if it is gone."""
        record = self.record
        return process.tree(record.pid, record.started) if record else []

    def start(self, wait_s: float = START_WAIT_S) -> None:
        """Start the process again, same port and data; returns once it is spawned. Nothing if it is alive.

        Of several processes that call this at the same time one starts it, and the others find it alive.
        wait_s: longest wait for another process that is starting something, seconds; then StackError.
        """
        with self._store.starting(wait_s):
            if not self.is_alive():
                record = self._needed()
                self._spawn(record.port, record.extra)

    def start_on(self, port: int, extra: dict[str, object]) -> None:
        """Spawn the process on a port and record it. One that was started meanwhile is stopped first."""
        with self._store.starting():
            self.stop()
            self._spawn(port, extra)

    def _spawn(self, port: int, extra: dict[str, object]) -> None:
        self.before_start()
        launch = self.launch(port, extra)
        child = spawn.spawn(launch)
        started = process.start_time(child.pid)
        if started is None:
            raise StackError(f"{self.title} ended at once; its log says:\n{process.log_tail(self.log_path)}")
        record = ComponentRecord(
            pid=child.pid,
            started=started,
            port=port,
            argv=launch.argv,
            log_path=str(launch.log_path),
            extra=dict(extra),
        )
        try:
            self._store.record(self.name, record)
        except BaseException:
            process.kill_tree(child.pid, started)  # no record names it
            raise

    def request_stop(self) -> None:
        """Send the signal for an orderly end, and wake the process if it is paused, so that it receives it."""
        self._end(self._family())

    def _end(self, family: list[psutil.Process]) -> None:
        process.send(family[:1], self.stop_signal)
        process.send(family, signal.SIGCONT)

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the process orderly and wait until it is gone; raises StackError after `timeout_s` seconds."""
        record = self.record
        if record is None:
            return
        self._end(process.tree(record.pid, record.started))
        if not process.wait_until(lambda: not process.is_alive(record.pid, record.started), timeout_s):
            raise StackError(
                f"{self.title} (process {record.pid}) did not end within {timeout_s:g} s of "
                f"{self.stop_signal.name}; its log says:\n{process.log_tail(self.log_path)}"
            )

    def kill(self) -> None:
        """SIGKILL the process and all its descendants and wait until they are gone (5 s at most, then StackError)."""
        record = self.record
        if record is not None and not process.kill_tree(record.pid, record.started):
            raise StackError(f"{self.title} (process {record.pid}) still runs 5 s after SIGKILL")

    def pause(self) -> None:
        """SIGSTOP the process and its descendants: its connections stay open and get no answer.

        Raises StackError when it does not run, or has not stopped after 5 s.
        """
        record = self.record
        family = process.pause_tree(record.pid, record.started) if record else []
        if not family:
            raise StackError(f"{self.title} is not running, so it cannot be paused")
        if not process.wait_until(lambda: all(map(_is_still, family)), _PAUSE_WAIT_S):
            raise StackError(f"{self.title} (process {family[0].pid}) still runs {_PAUSE_WAIT_S:g} s after SIGSTOP")

    def resume(self) -> None:
        """SIGCONT the process and its descendants; nothing if it is gone."""
        process.send(self._family(), signal.SIGCONT)

    def recover(self) -> None:
        """Undo what a harness that was killed may have left on a process that runs: wake it if it is paused."""
        self.resume()

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return once the component answers; raises StackError when it dies or `timeout_s` seconds have passed."""
        for _ in self.until_ready(timeout_s):
            time.sleep(process.POLL_S)

    def until_ready(self, timeout_s: float) -> Iterator[None]:
        """Like `wait_ready`, but yields between two probes, so that several components can be awaited at once."""
        begun = time.monotonic()
        while True:
            if not self.is_alive():
                waited = time.monotonic() - begun
                raise StackError(
                    f"{self.title} ended {waited:.1f} s into its start, before it was ready; its log says:\n"
                    f"{process.log_tail(self.log_path)}"
                )
            health = self.probe(PROBE_S)
            if health.ok:
                return
            if time.monotonic() - begun >= timeout_s:
                raise StackError(
                    f"{self.title} was not ready after {timeout_s:g} s ({health.detail}); its log says:\n"
                    f"{process.log_tail(self.log_path)}"
                )
            yield

    def discard(self, timeout_s: float) -> None:
        """Wait for an end that was requested; kill after `timeout_s` seconds."""
        if not process.wait_until(lambda: not self.is_alive(), timeout_s):
            self.kill()
        with suppress(StackError), self._store.starting():
            if not self.is_alive():  # if another process started it again, what is there now belongs to a living one
                self.before_start()


def _is_still(each: psutil.Process) -> bool:
    return process.is_paused(each.pid) or process.start_time(each.pid) is None
