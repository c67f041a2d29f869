"""The lookout: a process beside Locust that asks the broker for the topic's end offsets, over and over.

    python -m chaos.lookout      (configuration as one line of JSON on standard input)

Each question is bounded, and its answer or failure is stamped with the run's clock, appended to the offsets file and
told to the harness on standard output. So one witness proves the moment the broker went away, the moment it was back,
and when each event was appended. A process of its own, because librdkafka's calls would stall Locust's event loop.
It ends when its standard input does: never later than the harness.

The word `tail` on standard input makes it also follow new records and count those of the run, for the drain.
"""

import json
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, TextIO

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runlog.clock import AnchoredClock
from runlog.kafkareason import connection_reason, refused_properties, refused_reason
from runlog.offsets import Observation

INTERVAL_S: Final = 0.05
# A healthy broker on the same machine answers in one or two milliseconds; the width of an outage's edges is bounded
# by interval plus timeout.
TIMEOUT_S: Final = 0.05
PARTITIONS_EVERY_S: Final = 1.0
# librdkafka waits up to 10 s between attempts by default: far too coarse to see when a broker is back.
RECONNECT_MS: Final = {"reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "50"}
TAIL_BATCH: Final = 1000
# What the client tells on the side of a failing connection: the newest are enough to say why.
TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class LookoutConfig:
    """What the lookout is told.

    Attributes:
        client: librdkafka properties, `bootstrap.servers` among them; may hold secrets, so never on a command line.
        topic: whose ends are asked for.
        run_prefix: text that each customer id of the run starts with.
        clock: the run's clock.
        offsets_file: where observations are appended.
        interval: seconds from question to question.
        timeout: seconds that one question may take.
    """

    client: dict[str, str]
    topic: str
    run_prefix: str
    clock: AnchoredClock
    offsets_file: str
    interval: float = INTERVAL_S
    timeout: float = TIMEOUT_S

    def dump(self) -> str:
        """Return the configuration as one line."""
        record = {name: getattr(self, name) for name in self.__slots__}
        record["clock"] = [self.clock.epoch, self.clock.monotonic]
        return json.dumps(record)

    @classmethod
    def load(cls, line: str) -> "LookoutConfig":
        """Return what `dump` wrote."""
        record: dict[str, Any] = json.loads(line)
        record["clock"] = AnchoredClock(*record["clock"])
        return cls(**record)


class Lookout:
    """Asks and writes down; see the head of this file."""

    def __init__(self, config: LookoutConfig, out: TextIO) -> None:
        self._config = config
        self._out = out
        self._told: deque[tuple[str, str]] = deque(maxlen=TOLD)
        self._asker = Consumer({**self._client(), "error_cb": self._note})
        self._tail: Consumer | None = None
        self._partitions: list[int] = []
        self._partitions_asked = 0.0
        self._last_ends: dict[int, int] = {}
        self._own = 0
        self._trouble: str | None = None

    def watch(self, stop: threading.Event, tail: threading.Event) -> None:
        """Ask at a steady pace until `stop` is set; count the run's new records once `tail` is set."""
        due = time.monotonic()
        kept = os.open(self._config.offsets_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        while not stop.is_set():
            seen = self._ask()
            self._keep(kept, seen)
            if tail.is_set():
                self._follow()
            said = {"seen": json.loads(seen.line()), "own": self._own_count(), "trouble": self._trouble}
            if seen.ends is None:
                self._asker.poll(0)  # hands over what was told on the side
                # Whom the broker has answered once, it has let in: then only a refusal is to blame.
                reason = refused_reason if self._last_ends else connection_reason
                said["why"] = reason(self._told, self._config.client)
            self._out.write(json.dumps(said) + "\n")
            self._out.flush()
            due = max(due + self._config.interval, time.monotonic())
            stop.wait(due - time.monotonic())
        os.close(kept)
        self._asker.close()
        if self._tail:
            self._tail.close()

    def _note(self, error: KafkaError) -> None:
        self._told.append((error.name(), error.str()))

    def _keep(self, kept: int, seen: Observation) -> None:
        """Write `seen` down. A full disk ends the keeping, not the watching: the broker must still be proven back."""
        if self._trouble:
            return
        try:
            os.write(kept, seen.line().encode() + b"\n")
        except OSError as error:
            self._trouble = f"the offsets cannot be written: {error.strerror}"

    def _client(self) -> dict[str, str]:
        return {
            **RECONNECT_MS,
            **self._config.client,
            "group.id": "lookout",
            "enable.auto.commit": "false",
            "auto.offset.reset": "error",
            "log_level": "0",
        }

    def _ask(self) -> Observation:
        now = self._config.clock.now
        asked = now()
        deadline = time.monotonic() + self._config.timeout
        try:
            self._refresh_partitions(deadline)
            ends = {}
            for partition in self._partitions:
                where = TopicPartition(self._config.topic, partition)
                left = max(0.005, deadline - time.monotonic())
                ends[partition] = int(self._asker.get_watermark_offsets(where, timeout=left, cached=False)[1])
            if not ends:
                return Observation(asked, now(), None, "the topic has no partitions")
        except KafkaException as error:
            return Observation(asked, now(), None, error.args[0].name())
        self._last_ends = ends
        return Observation(asked, now(), ends)

    def _refresh_partitions(self, deadline: float) -> None:
        """Notice partitions that were added during the run; the known ones serve while nobody answers."""
        if self._partitions and time.monotonic() - self._partitions_asked < PARTITIONS_EVERY_S:
            return
        left = max(0.005, deadline - time.monotonic())
        known = self._asker.list_topics(self._config.topic, timeout=left).topics.get(self._config.topic)
        if known is not None and known.error is None:
            self._partitions = sorted(known.partitions)
            self._partitions_asked = time.monotonic()

    def _follow(self) -> None:
        if self._tail is None:
            self._tail = Consumer(self._client())
            self._tail.assign([TopicPartition(self._config.topic, p, end) for p, end in self._last_ends.items()])
        prefix = self._config.run_prefix.encode()
        for message in self._tail.consume(TAIL_BATCH, timeout=0.001):
            value = message.value() if message.error() is None else None
            if value is not None and prefix in value.lower():
                self._own += 1

    def _own_count(self) -> int | None:
        return self._own if self._tail is not None else None


def _obey(lines: TextIO, stop: threading.Event, tail: threading.Event) -> None:
    for line in lines:
        if line.strip() == "tail":
            tail.set()
    stop.set()


def main() -> int:
    """Run until standard input ends; return the exit code."""
    config = LookoutConfig.load(sys.stdin.readline())
    stop, tail = threading.Event(), threading.Event()
    threading.Thread(target=_obey, args=(sys.stdin, stop, tail), daemon=True).start()
    try:
        lookout = Lookout(config, sys.stdout)
    except (KafkaException, ValueError, TypeError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else error
        sys.stdout.write(json.dumps({"refused": refused_properties(said, config.client)}) + "\n")
        return 2
    lookout.watch(stop, tail)
    return 0


if __name__ == "__main__":
    sys.exit(main())
