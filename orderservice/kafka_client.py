"""librdkafka's producer and two threads: one serves its delivery reports, one probes whether a broker answers.

The client reports "all brokers down" at once when a connection breaks. It does not report when a broker is back, or
that a frozen broker (a stopped process behind an open connection) no longer answers; the threads here detect both.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from orderservice.reachability import Reachability

log = logging.getLogger("orderservice.kafka")

Report = Callable[[KafkaError | None, Message], None]

_PROBE_TIMEOUT = 0.5
_POLL = 0.1
# Set by the service's settings; in a properties file they would contradict those without a word.
_OWNED = ("bootstrap.servers", "delivery.timeout.ms", "message.timeout.ms", "socket.timeout.ms")
_DEFAULTS: dict[str, object] = {
    "client.id": "orderservice",
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 5,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "log_level": 0,
}


class ClientConfigError(ValueError):
    """The Kafka client refuses its properties; one sentence without any of their values."""


def client_config(
    bootstrap: str, file: Path | None, *, delivery_timeout: float, request_timeout: float
) -> dict[str, object]:
    """Return the producer's properties: our defaults, then the file's, then those of the settings.

    Args:
        bootstrap: ``host:port,...``.
        file: client properties, one ``key=value`` a line, ``#`` starts a comment line.
        delivery_timeout: seconds for which the delivery of an event is tried.
        request_timeout: seconds a request may take.

    Raises:
        ClientConfigError: the file is not in that form or sets what a setting decides.
    """
    config = dict(_DEFAULTS)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if file else [], 1):
        text = line.strip()
        if not text or text.startswith(("#", "!")):
            continue
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise ClientConfigError(f"kafka_config {file}, line {number} is not of the form key=value: correct it.")
        if key in _OWNED:
            raise ClientConfigError(f"kafka_config {file}, line {number} sets {key}: remove it, a setting decides it.")
        config[key] = value
    return config | {
        "bootstrap.servers": bootstrap,
        "delivery.timeout.ms": round(delivery_timeout * 1000),
        "socket.timeout.ms": round(request_timeout * 1000),
    }


class KafkaClient:
    """One producer and its two threads.

    Args:
        config: properties from :func:`client_config`.
        topic: the topic whose metadata proves that a broker answers.
        request_timeout: seconds without any report, while events are pending, after which the broker is probed.

    Raises:
        ClientConfigError: librdkafka refuses the properties.
    """

    def __init__(
        self, config: dict[str, object], topic: str, reachability: Reachability, request_timeout: float
    ) -> None:
        self._topic = topic
        self._reachability = reachability
        self._request_timeout = request_timeout
        self._lock = threading.Lock()
        self._doubts = 1  # counts the doubts: an answer that is older than the last one proves nothing
        self._doubted = threading.Event()
        self._doubted.set()
        self._closing = threading.Event()
        self._pending = 0
        self._quiet_since = 0.0
        try:
            self._producer = Producer({**config, "error_cb": self._on_error})
        except (KafkaException, TypeError, ValueError) as refused:
            raise ClientConfigError(_without_values(str(refused), config)) from None
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._serve_reports, "kafka-reports"), (self._find_broker, "kafka-probe"))
        ]
        for thread in self._threads:
            thread.start()

    def produce(self, key: str, value: bytes, report: Report) -> None:
        """Give one record to the client; ``report`` is called later, in another thread.

        Raises:
            BufferError: the client's queue is full.
            KafkaException: the client refuses the record (too large, fatal state).
        """

        def reported(error: KafkaError | None, message: Message) -> None:
            with self._lock:
                self._pending -= 1
                self._quiet_since = time.monotonic()
            if error is not None:
                self.doubt()
            report(error, message)

        with self._lock:
            if self._pending == 0:
                self._quiet_since = time.monotonic()
            self._pending += 1
        try:
            self._producer.produce(self._topic, value, key, on_delivery=reported)
        except BaseException:
            with self._lock:
                self._pending -= 1
            raise

    def doubt(self) -> None:
        """Treat the broker as unreachable until it answers again."""
        with self._lock:
            self._doubts += 1
        self._reachability.report(False)
        self._doubted.set()

    def close(self, timeout: float) -> int:
        """Flush for at most ``timeout`` seconds, drop the rest (each is reported as failed), end the threads.

        Returns:
            How many events were dropped.
        """
        self._producer.flush(timeout)
        # What flush returns counts other things that wait in the client too, such as errors that are to be reported.
        with self._lock:
            left = self._pending
        if left:
            self._producer.purge()
            self._producer.flush(0.5)
        self._closing.set()
        self._doubted.set()
        for thread in self._threads:
            thread.join(timeout=2 * _PROBE_TIMEOUT)
        return left

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            log.error("the Kafka producer is in a fatal state (%s): restart the service", error.name())
        if error.fatal() or error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.doubt()

    def _serve_reports(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(_POLL)
            with self._lock:
                silent = self._pending > 0 and time.monotonic() - self._quiet_since > self._request_timeout
            if silent and not self._doubted.is_set():
                self.doubt()

    def _find_broker(self) -> None:
        logged: bool | None = None
        while True:
            self._doubted.wait()
            if self._closing.is_set():
                return
            with self._lock:
                doubts = self._doubts
            probed_at = time.monotonic()
            if self._answers():
                if self._settle(doubts):
                    self._reachability.report(True)
                if logged is not True:
                    log.info("Kafka is reachable")
                logged = True
                continue
            # The first probes of a new topic fail although the broker answers: logged only after a whole silent probe.
            if logged is not False and time.monotonic() - probed_at >= _PROBE_TIMEOUT:
                log.warning("Kafka is unreachable: a publish waits for the block time, then fails")
                logged = False
            self._closing.wait(0.02)  # the answer "no such topic yet" comes at once: no busy loop

    def _settle(self, doubts: int) -> bool:
        with self._lock:
            if doubts != self._doubts:
                return False
            self._doubted.clear()
            self._quiet_since = time.monotonic()
            return True

    def _answers(self) -> bool:
        """Request the topic's metadata, as a Java producer does before its first send; it also creates the topic."""
        try:
            topic = self._producer.list_topics(self._topic, timeout=_PROBE_TIMEOUT).topics.get(self._topic)
        except KafkaException:
            return False
        return topic is not None and topic.error is None and len(topic.partitions) > 0


def _without_values(text: str, config: dict[str, object]) -> str:
    for key, value in config.items():
        if key not in _DEFAULTS and isinstance(value, str) and value:
            # Whole words only: a password `s` would be found in every word of the sentence.
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "***", text)
    return f"the Kafka client refuses its properties ({text}): correct kafka_config."
