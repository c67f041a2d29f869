"""The monitor: a process beside Locust that reads the topic's end offsets and probes the target of the fault.

    python -m chaos.monitor      (configuration as one line of JSON on standard input)

Each question is bounded. Its answer or failure gets the time of the run's clock, is appended to a file of the run and
sent to the harness on standard output. So one witness proves when the target went down, when it was back, and when each
event was appended. It is a process of its own because librdkafka's calls would block Locust's event loop. It ends when
its standard input does, so never later than the harness.

The target is probed on a connection from before the fault and on new ones, each from a thread of its own. If the target
is the broker, probed directly and to go down, the question for the offsets is the one on the kept connection. If a
proxy is between service and broker, the offsets are read directly, and the target is probed through the proxy.

The word `tail` on standard input makes it follow new records and count those of the run, for the drain.
"""

import json
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TextIO

import msgspec

from chaos.monitor.publisher import ObservationPublisher, ProbePace, asking, beats
from contract.event import EventContract
from contract.reading import EventReader
from contract.run_events import RunEvents
from contract.run_key import RunKey
from health.effect import DOWN, Effect
from health.kafka_errors import refused_properties
from health.patience import Patience
from health.probers import open_probers
from health.replies import ANSWERED, KEPT, NEW, Connection, How, ProbeResult, Reply
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from runlog.offsets import Observation
from stores.end_offsets import EndOffsets
from stores.kafka_client import KafkaProblem
from stores.topic_reader import Message, TopicTail, columns_of

INTERVAL_S: Final = 0.05
# A healthy broker on the same machine answers in one or two milliseconds; the width of an outage's edges is bounded
# by interval plus timeout.
TIMEOUT_S: Final = 0.05
# A database or a service may take longer under load, and a new connection longer than a kept one.
KEPT_PACE: Final = ProbePace(0.1, 0.25)
NEW_PACE: Final = ProbePace(0.2, 0.5)
TAIL_S: Final = 0.001
# A share of resets is counted on many new connections.
OFTEN_S: Final = 0.05
# Round trips that one question may take: a connection that is opened again; for a new one also PostgreSQL's login.
KEPT_TRIPS: Final = 2
NEW_TRIPS: Final = 6


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Configuration of the monitor.

    Attributes:
        client: librdkafka properties, `bootstrap.servers` among them; may hold secrets, so never on a command line.
        topic: whose end offsets are read.
        event: what an event looks like; None if no event can be attributed to the run while it goes on.
        run_key: of the run, which events carry as their tag; empty if all events count.
        target: what may be broken: `broker`, `database` or `service`.
        probe: how it is probed; may hold secrets.
        effect: what the run's fault makes of its answers.
        interval: seconds between questions for the offsets.
        timeout: seconds that one question for the offsets may take at least; see `health.patience`.
    """

    client: dict[str, str]
    topic: str
    event: EventContract | None
    run_key: str
    clock: AnchoredClock
    offsets_file: str
    target: str
    probe: ProbeSpec
    probes_file: str
    effect: Effect = DOWN
    interval: float = INTERVAL_S
    timeout: float = TIMEOUT_S

    @property
    def offsets_are_kept(self) -> bool:
        """Whether the question for the offsets is the probe of the target on the kept connection."""
        return self.effect.state == "down" and self._offsets_are_hit

    @property
    def offsets_delay(self) -> float:
        """Longest time that the fault may add to the question for the offsets, seconds."""
        return KEPT_TRIPS * self.effect.slowest_s if self._offsets_are_hit else 0.0

    @property
    def _offsets_are_hit(self) -> bool:
        return self.probe.protocol == "kafka" and self.probe.way == "direct"

    @property
    def paces(self) -> dict[Connection, ProbePace]:
        """How often and how long the target is asked on each connection."""
        slowest, often = self.effect.slowest_s, OFTEN_S if self.effect.is_partial else NEW_PACE.interval
        return {
            KEPT: replace(KEPT_PACE, delay=KEPT_TRIPS * slowest),
            NEW: replace(NEW_PACE, interval=often, delay=NEW_TRIPS * slowest),
        }

    def dump(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def load(cls, line: str) -> "MonitorConfig":
        return msgspec.json.decode(line, type=cls)


class Monitor:
    """Asks and records; see the module docstring."""

    def __init__(self, config: MonitorConfig, out: TextIO) -> None:
        self._config = config
        self._publisher = ObservationPublisher(out, config.offsets_file, config.probes_file)
        self._offsets = EndOffsets(config.client, config.topic)
        self._probers = open_probers(config.probe, config.topic)
        self._patience = Patience()  # with the target, and with the broker if that is another component
        self._patience_of_offsets = self._patience if config.offsets_are_kept else Patience()
        self._tail: TopicTail | None = None
        self._last_ends: dict[int, int] = {}
        self._own = 0
        self._count = count_events(config.event, config.run_key)

    def watch(self, stop: threading.Event, tail: threading.Event) -> None:
        """Ask at a steady pace until `stop` is set; count the run's new records once `tail` is set."""
        clock, publisher = self._config.clock, self._publisher
        with ExitStack() as threads:
            ask = partial(asking, patience=self._patience, clock=clock, publisher=publisher, stop=stop)
            threads.enter_context(ask(self._probers.new, NEW, self._config.paces[NEW]))
            if not self._config.offsets_are_kept:
                threads.enter_context(ask(self._probers.kept, KEPT, self._config.paces[KEPT]))
            for _ in beats(self._config.interval, stop):
                seen, how = self._ask()
                self._patience_of_offsets.note(KEPT, seen.answered - seen.asked, how)
                record = seen.record()
                publisher.keep("offsets", record)
                if self._config.offsets_are_kept:
                    publisher.probe_result(ProbeResult(seen.asked, seen.answered, KEPT, how, seen.error))
                if tail.is_set():
                    self._follow()
                publisher.send(seen=record, own=self._own_count(), why=None if seen.ok else self._offsets.reason())
        publisher.close()
        self._offsets.close()
        if self._tail:
            self._tail.close()

    def _ask(self) -> tuple[Observation, How]:
        """Ask once; return what was seen, and how the connection served."""
        asked, limit = self._config.clock.now(), self._patience_of_offsets.limit(self._config.timeout)
        ends = self._offsets.ask(limit + self._config.offsets_delay)
        answered = self._config.clock.now()
        if isinstance(ends, Reply):
            return Observation(asked, answered, None, ends.detail), ends.how
        self._last_ends = ends
        return Observation(asked, answered, ends), ANSWERED

    def _follow(self) -> None:
        if self._tail is None:
            self._tail = TopicTail(self._config.client, self._config.topic, self._last_ends)
        self._own += self._count(self._tail.read(TAIL_S))

    def _own_count(self) -> int | None:
        return self._own if self._tail is not None else None


def count_events(event: EventContract | None, run_key: str) -> Callable[[list[Message]], int]:
    """Return what counts the events of the run among records; arguments as in `MonitorConfig`."""
    if event is None:
        return lambda records: 0
    reader = EventReader(event)
    of_run = RunEvents(event, RunKey.parse(run_key)) if run_key else None

    def count(records: list[Message]) -> int:
        columns = columns_of(records, headers=event.needs_headers)
        return len(reader.batch(*columns).at) if of_run is None else len(of_run.batch(*columns).where)

    return count


def _serve(lines: TextIO, stop: threading.Event, tail: threading.Event) -> None:
    for line in lines:
        if line.strip() == "tail":
            tail.set()
    stop.set()


def main() -> int:
    """Run until standard input ends; return the exit code."""
    config = MonitorConfig.load(sys.stdin.readline())
    stop, tail = threading.Event(), threading.Event()
    threading.Thread(target=_serve, args=(sys.stdin, stop, tail), daemon=True).start()
    try:
        monitor = Monitor(config, sys.stdout)
    except (KafkaProblem, ValueError) as error:
        said = str(error) if isinstance(error, KafkaProblem) else refused_properties(error, config.client)
        sys.stdout.write(json.dumps({"refused": said}) + "\n")
        return 2
    monitor.watch(stop, tail)
    return 0
