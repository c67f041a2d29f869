"""Does a Kafka broker serve a client that stays connected? Asked by librdkafka, which goes where a client goes.

It authenticates (SASL, TLS) and follows the addresses that the broker advertises, so it is served exactly when a client
is. librdkafka would drop a connection on which one question hung; here it may not, for that connection is the witness.
Only after PATIENCE_S without an answer is the client replaced: a connection that the network dropped never recovers.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException

from health.kafka_errors import connection_reason, refused_properties, refused_reason, scrub
from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, How, Reply
from health.spec import ProbeSpec

Answer = TypeVar("Answer")

# Keeps a connection through a hang, and comes back soon after a loss (librdkafka's own default is up to 10 s).
STEADY: Final = {"reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "50", "socket.max.fails": "0"}
PATIENCE_S: Final = 5.0
# Errors that the client reports to `error_cb`: the newest are enough to say why.
REMEMBERED: Final = 20
# What librdkafka puts around an error: whose it is, and how often it came.
_THREAD: Final = re.compile(r"^\S+/(bootstrap|\d+): ")
_ATTEMPT: Final = re.compile(
    r" \((after |[^()]*identical error)([^()]|\([^()]*\))*\)(: \(errno: [^)]*\))?", re.IGNORECASE
)
# A reason that librdkafka reported is the reason of failures for so long: it tries again some 20 times a second.
REASON_HOLDS_S: Final = 0.3
_REFUSED_WORDS: Final = ("refused", "resolve", "unreachable", "authentication", "no route")
_BROKEN_WORDS: Final = ("disconnected", "reset", "closed", "broken pipe", "handshake", "ssl")


class Reasons:
    """Why a librdkafka client is not served, by the errors that it reports to `error_cb`.

    Its calls themselves only say "timed out". It never reports that a connection was lost, only how opening another one
    fails: the first such failure after an answer counts as `broken`.

    Args:
        client: its properties; none of their secrets is in the words.
    """

    def __init__(self, client: Mapping[str, str]) -> None:
        self._client = client
        self._last: tuple[float, How] | None = None
        self._connected = self._admitted = False
        self._problems: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)

    def note(self, error: KafkaError) -> None:
        """Take one error in; the client's `error_cb`."""
        self._problems.append((str(error.name()), str(error.str())))
        text = str(error.str()).lower()
        if any(word in text for word in _REFUSED_WORDS):
            self._last = time.monotonic(), REFUSED
        elif any(word in text for word in _BROKEN_WORDS):
            self._last = time.monotonic(), BROKEN

    def reply(self, error: KafkaError) -> Reply:
        """Return what became of a call that ended with `error`."""
        how = self._how(error)
        if reason := self.reason():
            return Reply(how, reason)
        if how == HANGING:
            return Reply(how, "no answer in time")
        # That all brokers are down is no reason, where the client reported one.
        texts = [text for name, text in self._problems if name != "_ALL_BROKERS_DOWN"]
        text = texts[-1] if texts else str(error.str())
        return Reply(how, scrub(_ATTEMPT.sub("", _THREAD.sub("", text)), self._client))

    def reason(self) -> str | None:
        """Return why the client is not served, None when the errors do not say."""
        # A client that was served once has been admitted: then only a refusal is to blame.
        reason = refused_reason if self._admitted else connection_reason
        return reason(self._problems, self._client)

    def _how(self, error: KafkaError) -> How:
        waited = error.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
        if self._last is None:
            return HANGING if waited else BROKEN
        if waited and time.monotonic() - self._last[0] > REASON_HOLDS_S:
            return HANGING
        lost, self._connected = self._connected, False
        return BROKEN if lost else self._last[1]

    def answered(self) -> None:
        self._last, self._connected, self._admitted = None, True, True
        self._problems.clear()

    def reconnecting(self) -> None:
        """Note that another client takes this one's place."""
        self._last, self._connected = None, False
        self._problems.clear()


class KeptClient:
    """A client that stays connected; made by its first question.

    Args:
        client: librdkafka properties, `bootstrap.servers` among them.

    Attributes:
        reasons: why it is not served.
    """

    def __init__(self, client: Mapping[str, str]) -> None:
        self.reasons = Reasons(client)
        self._given = client
        self._properties: dict[str, Any] = {
            **STEADY,
            **client,
            "group.id": "monitor",
            "enable.auto.commit": "false",
            "log_level": "0",
            "error_cb": self.reasons.note,
        }
        self._unserved_since: float | None = None
        self._client: Consumer | None = None

    def open(self) -> Consumer:
        """Return the client.

        Raises:
            ValueError: it refuses its properties; one sentence.
        """
        if self._client is None:
            self.reasons.reconnecting()
            try:
                self._client = Consumer(self._properties)
            except (KafkaException, TypeError, ValueError) as error:
                said = error.args[0].str() if isinstance(error, KafkaException) else error
                raise ValueError(refused_properties(said, self._given)) from None
        return self._client

    def ask(self, question: Callable[[Consumer], Answer | Reply]) -> Answer | Reply:
        """Return the answer to a question; where the client is not served, a Reply that says how.

        Args:
            question: raises KafkaException, or returns a Reply, when the broker does not serve.
        """
        begun = time.monotonic()
        try:
            client = self.open()
        except ValueError as error:
            return Reply(REFUSED, str(error))
        try:
            answer = question(client)
        except KafkaException as error:
            client.poll(0)  # calls `error_cb` for the errors noted since the last call: they say why
            self._unserved_since = self._unserved_since or begun
            reply = self.reasons.reply(error.args[0])
            if reply.how == HANGING and begun - self._unserved_since > PATIENCE_S:
                self.close()
            return reply
        client.poll(0)
        self._unserved_since = None
        if not isinstance(answer, Reply):
            self.reasons.answered()
        return answer

    def close(self) -> None:
        """Close the client; the next question makes another."""
        client, self._client, self._unserved_since = self._client, None, None
        if client is not None:
            client.close()


class KeptKafka:
    """Asks for metadata on a connection that stays.

    Args:
        topic: whose metadata is asked for; None: of all topics.
    """

    def __init__(self, spec: ProbeSpec, topic: str | None = None) -> None:
        self._client = KeptClient({**spec.client, "bootstrap.servers": spec.address})
        self._which = {} if topic is None else {"topic": topic}

    def ask(self, timeout_s: float) -> Reply:
        def metadata(client: Consumer) -> str | Reply:
            known = client.list_topics(**self._which, timeout=timeout_s)
            if not known.brokers:
                return Reply(BROKEN, "the metadata names no broker yet")
            return f"brokers: {len(known.brokers)}, topics: {len(known.topics)}"

        answer = self._client.ask(metadata)
        return answer if isinstance(answer, Reply) else Reply(ANSWERED, answer)

    def close(self) -> None:
        self._client.close()
