"""Publishes what the monitor's threads observe: one line in a file of the run, and one to the harness."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TextIO

from health.patience import LONGEST_S, Patience
from health.replies import ANSWERED, Connection, Prober, ProbeResult
from runlog.clock import AnchoredClock
from runlog.probe_results import probe_record


class ObservationPublisher:
    """Takes observations from several threads.

    Args:
        out: the harness's end of the pipe.

    Attributes:
        trouble: why something is no longer recorded or asked; None otherwise.
    """

    def __init__(self, out: TextIO, offsets_file: str, probes_file: str) -> None:
        self.trouble: str | None = None
        self._out = out
        self._lock = threading.Lock()
        self._closed = False
        self._files: Final = {
            name: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for name, path in (("offsets", offsets_file), ("probes", probes_file))
        }

    def keep(self, name: str, record: dict[str, object]) -> None:
        """Append `record`. A full disk ends that, not the observing: the target must still be proven back."""
        with self._lock:
            if self.trouble or self._closed:
                return
            try:
                os.write(self._files[name], json.dumps(record).encode() + b"\n")
            except OSError as error:
                self.trouble = f"the {name} cannot be written: {error.strerror}"

    def send(self, **record: Any) -> None:
        with self._lock:
            self._out.write(json.dumps({**record, "trouble": self.trouble}) + "\n")
            self._out.flush()

    def probe_result(self, seen: ProbeResult) -> None:
        record = probe_record(seen)
        self.keep("probes", record)
        self.send(probe=record)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for file in self._files.values():
                os.close(file)


@dataclass(frozen=True, slots=True)
class ProbePace:
    """How often a connection is asked, and how long one question may take.

    Attributes:
        interval: seconds from question to question.
        timeout: seconds that one question may take at least; a slow target is given more (`health.patience`).
        delay: seconds that the fault may add to each question.
    """

    interval: float
    timeout: float
    delay: float = 0.0


def beats(interval: float, stop: threading.Event) -> Iterator[None]:
    """Yield every `interval` seconds, or as soon as possible, until `stop` is set."""
    due = time.monotonic()
    while not stop.is_set():
        yield
        due = max(due + interval, time.monotonic())
        stop.wait(due - time.monotonic())


@contextmanager
def asking(
    prober: Prober,
    connection: Connection,
    pace: ProbePace,
    *,
    patience: Patience,
    clock: AnchoredClock,
    publisher: ObservationPublisher,
    stop: threading.Event,
) -> Iterator[None]:
    """Let a thread of its own ask `prober` until the block is left or `stop` is set."""
    ended = threading.Event()

    def ask() -> None:
        try:
            for _ in beats(pace.interval, stop):
                if ended.is_set():
                    return
                asked = clock.now()
                reply = prober.ask(patience.limit(pace.timeout) + pace.delay)
                answered = clock.now()
                patience.note(connection, answered - asked, reply.how)
                detail = None if reply.how == ANSWERED else reply.detail
                publisher.probe_result(ProbeResult(asked, answered, connection, reply.how, detail))
        finally:
            # Whatever ended it early, the harness must not wait for answers to questions that are no longer asked.
            if not (stop.is_set() or ended.is_set()):
                publisher.trouble = (
                    publisher.trouble or f"the monitor has stopped probing the target on a {connection} connection"
                )

    thread = threading.Thread(target=ask, name=f"{connection} connection", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(pace.interval + LONGEST_S + pace.delay + 1.0)
        prober.close()
