"""The live counter's process: follows ledger, marks and topic of a run, and says many times what it has counted.

    python -m chaos.live      (configuration as one line of JSON on standard input)

It is a process of its own because reading a topic would hold Locust's event loop. It ends when its standard input does.
"""

import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import numpy as np

from chaos.live.backlog import BacklogReader
from chaos.live.counter import OrderCounter
from chaos.live.live_chart import LiveChart
from chaos.live.snapshot import FRESH_S, Snapshot
from contract.attribution import EXCLUSIVE, TAGGED, Attribution
from contract.ids import IDS
from contract.order_id import encode_text
from contract.run_events import RunEvents
from runlog.facts import RunFacts
from runlog.folder import RunFolder
from runlog.ledger_tail import LedgerTail
from runlog.line_tail import LineTail
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from stores.kafka_client import KafkaProblem
from stores.topic_reader import TopicTail, columns_of

SAY_S: Final = 0.25
DRAW_S: Final = 0.5
READ_S: Final = 0.1
_OBSERVATION: Final = msgspec.json.Decoder(Observation)


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Configuration of the live counter.

    Attributes:
        folder: of the run; `run.json` is in it.
        client: librdkafka properties; may hold secrets, so never on a command line.
        database_url: where a known outbox is; secret; empty without one.
        planned_s: seconds from the start of the run to the planned end of its load.
        draws: whether pictures are wanted.
    """

    folder: str
    client: dict[str, str]
    database_url: str
    planned_s: float
    draws: bool

    def dump(self) -> str:
        return msgspec.json.encode(self).decode()


class LiveReader:
    """Reads and counts; see the module docstring.

    Raises:
        OSError, ValueError: the run's facts cannot be read.
        KafkaProblem: the client refuses its properties.
    """

    def __init__(self, config: LiveConfig) -> None:
        folder = RunFolder(Path(config.folder))
        facts = self._facts = RunFacts.read(folder)
        outcome = Outcome.PROVOKED if facts.scenario == "phantom-event" else Outcome.ACKNOWLEDGED
        self._counter = OrderCounter(outcome, by_number=facts.attribution == TAGGED)
        self._events = RunEvents(facts.contract.event, facts.run_key, _attribution(facts))
        self._ledger, self._offsets = LedgerTail(folder.ledger), LineTail(folder.offsets)
        self._tail = TopicTail(config.client, facts.topic.name, facts.topic.starts)
        self._backlog = (
            BacklogReader(config.database_url, facts.contract, facts.clock.now) if config.database_url else None
        )
        self._chart = LiveChart(facts, folder.marks, outcome, config.planned_s) if config.draws else None
        self._ledger_at = facts.started_at
        self._read_at: float | None = None
        self._untagged = 0
        self._pending: list[Observation] = []

    def read(self) -> None:
        """Take what is new, waiting for new events for a moment."""
        self._ledger_at = self._facts.clock.now()
        records = self._ledger.read()
        self._counter.take_attempts(records)
        if self._chart is not None:
            self._chart.take_attempts(records)
        messages = self._tail.read(READ_S)
        if messages:
            found = self._events.batch(*columns_of(messages, headers=self._events.needs_headers))
            self._counter.take_events(found.orders, found.sequences)
            self._untagged += len(found.no_tag_at)
        self._note_ends()

    def snapshot(self, *, draw: bool) -> Snapshot:
        """Return what is counted now."""
        now, backlog = self._facts.clock.now(), self._backlog
        fresh = self._read_at is not None and now - self._read_at < FRESH_S
        until = min(self._ledger_at, self._read_at) if fresh and self._read_at is not None else self._ledger_at
        counts = self._counter.counts(until, None if backlog is None else backlog.ids)
        if self._chart is not None:
            self._chart.add(until, counts)
        figure = self._chart.figure(now) if draw and self._chart is not None else None
        return Snapshot(
            at=now,
            counts=counts,
            read_at=self._read_at,
            backlog_at=None if backlog is None else backlog.read_at,
            untagged=self._untagged,
            figure=figure,
        )

    def close(self) -> None:
        self._tail.close()
        if self._backlog is not None:
            self._backlog.close()

    def _note_ends(self) -> None:
        """Note the latest moment at which the topic ended where it has been read to by now."""
        for line in self._offsets.read():
            with suppress(msgspec.DecodeError):
                seen = _OBSERVATION.decode(line)
                if seen.ends is not None:
                    self._pending.append(seen)
        reached = self._tail.reached
        for number in range(len(self._pending) - 1, -1, -1):
            ends = self._pending[number].ends or {}
            if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
                self._read_at = self._pending[number].asked
                del self._pending[: number + 1]
                return


def _attribution(facts: RunFacts) -> Attribution | None:
    """Return how events are attributed; where they carry no tag of the run: all but that of the harness's own check."""
    if facts.attribution == TAGGED:
        return None
    check = None if facts.check_order is None else encode_text(facts.contract.id_kind, facts.check_order.order_id)
    own = np.frombuffer(check or b"", dtype=IDS)
    return Attribution(EXCLUSIVE, own, np.empty(0, dtype=IDS))


def serve(lines: TextIO, out: TextIO) -> int:
    """Read the configuration and count until `lines` ends; return the exit code."""
    config = msgspec.json.decode(lines.readline(), type=LiveConfig)
    stop = threading.Event()

    def wait_for_end() -> None:
        for _ in lines:
            pass
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    try:
        reader = LiveReader(config)
    except (OSError, ValueError, KafkaProblem) as error:
        _say(out, {"problem": str(error)})
        return 2
    said = drawn = 0.0
    while not stop.is_set():
        reader.read()
        now = time.monotonic()
        if now - said >= SAY_S:
            draw = config.draws and now - drawn >= DRAW_S
            said, drawn = now, now if draw else drawn
            _say(out, reader.snapshot(draw=draw))
    reader.close()
    return 0


def _say(out: TextIO, record: Any) -> None:
    out.write(msgspec.json.encode(record).decode() + "\n")
    out.flush()


def main() -> int:
    return serve(sys.stdin, sys.stdout)
