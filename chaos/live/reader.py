"""The live counter's process: follows ledger, marks and topic of a run, and says many times what it has counted.

    python -m chaos.live      (configuration as one line of JSON on standard input)

It is a process of its own because reading a topic would hold Locust's event loop. It ends when its standard input does.
"""

import math
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import numpy as np

from chaos.live.backlog import BacklogReader, Held
from chaos.live.counter import OrderCounter
from chaos.live.live_chart import LiveChart
from chaos.live.snapshot import Snapshot
from contract.attribution import EXCLUSIVE, TAGGED, Attribution
from contract.ids import IDS
from contract.order_id import encode_text
from contract.run_events import RunEvents
from runlog.facts import RunFacts
from runlog.folder import RunFolder
from runlog.ledger_tail import LedgerTail
from runlog.line_tail import LineTail
from runlog.offsets import Observation
from stores.kafka_client import KafkaProblem
from stores.topic_reader import TopicTail, columns_of

SAY_S: Final = 0.25
DRAW_S: Final = 0.5
READ_S: Final = 0.1
RECORDED_S: Final = 10.0
"""How long after its end the answer to an order is on record, at most and generously."""
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
        self._counter = OrderCounter(facts.asked, by_number=facts.attribution == TAGGED)
        self._events = RunEvents(facts.contract.event, facts.run_key, _attribution(facts), remembers_names=False)
        self._forgets_at = 0.0
        self._ledger_at = facts.started_at
        self._ledger, self._offsets = LedgerTail(folder.ledger), LineTail(folder.offsets)
        self._tail = TopicTail(config.client, facts.topic.name, facts.topic.starts)
        self._backlog = (
            BacklogReader(config.database_url, facts.contract, facts.clock.now) if config.database_url else None
        )
        self._chart = LiveChart(facts, folder.marks, facts.asked, config.planned_s) if config.draws else None
        self._counted_to = facts.started_at
        self._held: Held | None = None
        self._read_at: float | None = None
        self._seen: Observation | None = None
        self._untagged = 0
        self._pending: list[Observation] = []

    def read(self) -> None:
        """Take what is new, waiting for new events for a moment."""
        messages = self._tail.read(READ_S)
        if messages:
            found = self._events.batch(*columns_of(messages, headers=self._events.needs_headers))
            self._counter.take_events(found.orders, found.sequences)
            self._untagged += len(found.no_tag_at)
        self._note_ends()
        # After the topic: an order is on record before it is sent, so none of these events is of one that is not.
        self._ledger_at = self._facts.clock.now()
        records = self._ledger.read()
        self._counter.take_attempts(records)
        if self._chart is not None:
            self._chart.take_attempts(records)
        if self._ledger_at >= self._forgets_at:
            self._forgets_at = self._ledger_at + self._facts.request_timeout_s + RECORDED_S
            self._counter.forget_strangers()

    @property
    def problem(self) -> str | None:
        """Why the counts would not be those of the run; None while they are."""
        damaged = self._ledger.damaged
        return f"damaged records in the ledger: {damaged}" if damaged else None

    def snapshot(self, *, draw: bool) -> Snapshot:
        """Return what is counted now."""
        self._note_how_far()
        now, held = self._facts.clock.now(), self._held
        counts = self._counter.counts(self._counted_to, None if held is None else held.ids)
        if self._chart is not None:
            self._chart.add(self._counted_to, counts)
        figure = self._chart.figure(now) if draw and self._chart is not None else None
        return Snapshot(
            at=now,
            counts=counts,
            read_at=self._read_at,
            counted_to=self._counted_to,
            backlog_at=None if held is None else held.newest_at,
            backlog_problem=None if self._backlog is None else self._backlog.problem,
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
                self._seen = _OBSERVATION.decode(line)
                if self._seen.ends is not None:
                    self._pending.append(self._seen)
        reached = self._tail.reached
        for number in range(len(self._pending) - 1, -1, -1):
            ends = self._pending[number].ends or {}
            if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
                self._read_at = self._pending[number].asked
                del self._pending[: number + 1]
                return

    def _note_how_far(self) -> None:
        """Note up to which moment orders without an event are known to have none yet.

        That is as far as topic and outbox were read to their ends, the topic after the outbox: an event that has left
        the outbox is in the topic. A broker that does not answer has no event that could still be read. Nothing is
        taken back: what was counted once stays counted until its event is read.
        """
        until, silent = self._ledger_at, self._seen is not None and self._seen.ends is None
        if not silent:
            until = min(until, -math.inf if self._read_at is None else self._read_at)
        if self._backlog is not None:
            held = self._held = self._backlog.readings.held(self._read_at)
            known = None if held is None else held.newest_at if silent else held.paired_at
            until = min(until, -math.inf if known is None else known)
        self._counted_to = max(self._counted_to, until)


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
            _say(out, reader.snapshot(draw=draw) if reader.problem is None else {"problem": reader.problem})
    reader.close()
    return 0


def _say(out: TextIO, record: Any) -> None:
    out.write(msgspec.json.encode(record).decode() + "\n")
    out.flush()


def main() -> int:
    return serve(sys.stdin, sys.stdout)
