"""Does a Kafka broker serve? Asked by a client that stays connected, and on a connection of its own for each question.

The one that stays is librdkafka asking for metadata: it authenticates (SASL, TLS) and goes where the broker sends its
clients, so it is served exactly when a client is. librdkafka would drop a connection on which one question hung;
here it may not, for that connection is the witness. Only after PATIENCE_S without an answer is the client replaced: a
connection that the network dropped never recovers.

The new one is a socket (TLS where the properties say so) with one `ApiVersions` request, which a broker answers before
it asks who we are. Only a complete answer to just this request counts: an open port proves nothing.
"""

import random
import re
import ssl
import struct
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException

from health.kafka_errors import connection_reason, refused_properties, refused_reason, scrub
from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, How, Reply
from health.spec import ProbeSpec
from health.wire import NoAnswer, Wire

# Keeps a connection through a hang, and comes back soon after a loss (librdkafka's own default is up to 10 s).
STEADY: Final = {"reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "50", "socket.max.fails": "0"}
PATIENCE_S: Final = 5.0
# Errors that the client reports on the side: the newest are enough to say why.
REMEMBERED: Final = 20
# What librdkafka puts around an error: whose it is, and how often it came.
_THREAD: Final = re.compile(r"^\S+/(bootstrap|\d+): ")
_ATTEMPT: Final = re.compile(r" \((after [^)]*|[^)]*identical error[^)]*)\)(: \(errno: [^)]*\))?", re.IGNORECASE)
# A reason that librdkafka reported is the reason of failures for so long: it tries again some 20 times a second.
REASON_HOLDS_S: Final = 0.3
_API_VERSIONS: Final = 18
_LARGEST_ANSWER: Final = 1 << 20
# Any client may ask for a version that the broker no longer has: the answer says so, and is one.
_FINE: Final = (0, 35)
_REFUSED_WORDS: Final = ("refused", "resolve", "unreachable", "authentication", "no route")
_BROKEN_WORDS: Final = ("disconnected", "reset", "closed", "broken pipe", "handshake", "ssl")


class Reasons:
    """Why a librdkafka client is not served, by the errors that it reports on the side.

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
        """Return what stands between the client and the broker, None when the errors do not say."""
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
        """Note that the client was served."""
        self._last, self._connected, self._admitted = None, True, True
        self._problems.clear()

    def reconnecting(self) -> None:
        """Note that another client takes this one's place."""
        self._last, self._connected = None, False
        self._problems.clear()


class KeptKafka:
    """A client that stays connected.

    Args:
        spec: address and client properties.
        topic: whose metadata is asked for; None: of all topics.
    """

    def __init__(self, spec: ProbeSpec, topic: str | None = None) -> None:
        self._properties: dict[str, Any] = {
            **STEADY,
            **spec.client,
            "bootstrap.servers": spec.address,
            "group.id": "lookout",
            "enable.auto.commit": "false",
            "log_level": "0",
        }
        self._topic = topic
        self._spec = spec
        self._reasons = Reasons(spec.client)
        self._unserved_since: float | None = None
        self._client: Consumer | None = None

    def ask(self, timeout_s: float) -> Reply:
        """See `health.replies.Prober`."""
        begun = time.monotonic()
        try:
            client = self._client = self._client or self._make()
        except (KafkaException, TypeError, ValueError) as error:
            reason = error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else error
            return Reply(REFUSED, refused_properties(reason, self._spec.client))
        which = {} if self._topic is None else {"topic": self._topic}
        try:
            known = client.list_topics(**which, timeout=timeout_s)
        except KafkaException as error:
            client.poll(0)  # hands over the errors that were noted meanwhile: they say why
            self._unserved_since = self._unserved_since or begun
            reply = self._reasons.reply(error.args[0])
            if reply.how == HANGING and begun - self._unserved_since > PATIENCE_S:
                self.close()
            return reply
        client.poll(0)
        self._unserved_since = None
        if not known.brokers:
            return Reply(BROKEN, "the metadata names no broker yet")
        self._reasons.answered()
        return Reply(ANSWERED, f"brokers: {len(known.brokers)}, topics: {len(known.topics)}")

    def close(self) -> None:
        """Close the client; the next question makes another."""
        client, self._client, self._unserved_since = self._client, None, None
        if client is not None:
            client.close()

    def _make(self) -> Consumer:
        self._reasons.reconnecting()
        return Consumer({**self._properties, "error_cb": self._reasons.note})


class NewKafka:
    """A socket of its own for each question.

    Args:
        spec: address and client properties.

    Raises:
        ValueError: TLS cannot be set up as the properties say; one sentence.
    """

    def __init__(self, spec: ProbeSpec) -> None:
        self._places = [_place(part) for part in spec.address.split(",") if part.strip()]
        self._tls = tls_context(spec.client)

    def ask(self, timeout_s: float) -> Reply:
        """See `health.replies.Prober`; one server of several that answers is enough, as for a client."""
        end = time.monotonic() + timeout_s
        reply = Reply(REFUSED, "no address is given")
        for place, (host, port) in enumerate(self._places):
            left = (end - time.monotonic()) / (len(self._places) - place)
            reply = self._ask_one(host, port, time.monotonic() + max(0.0, left))
            if reply.how == ANSWERED:
                break
        return reply

    def close(self) -> None:
        """Nothing is held."""

    def _ask_one(self, host: str, port: int, deadline: float) -> Reply:
        number = random.getrandbits(31)
        try:
            wire = Wire(host, port, deadline, self._tls)
            try:
                wire.send(api_versions_request(number))
                (size,) = struct.unpack(">i", wire.receive_exactly(4))
                if not 0 < size <= _LARGEST_ANSWER:
                    return Reply(BROKEN, "the answer is not one of Kafka")
                return answer_to(number, wire.receive_exactly(size))
            finally:
                wire.close()
        except NoAnswer as failed:
            return failed.reply


def api_versions_request(number: int) -> bytes:
    """Return an `ApiVersions` request, version 0, with the correlation id `number`, framed."""
    body = struct.pack(">hhi", _API_VERSIONS, 0, number) + struct.pack(">h", 7) + b"lookout"
    return struct.pack(">i", len(body)) + body


def answer_to(number: int, body: bytes) -> Reply:
    """Return what `body`, the frame that came back, says to the request with the correlation id `number`."""
    if len(body) < 10:
        return Reply(BROKEN, "the answer is not one of Kafka")
    answered, error, versions = struct.unpack(">ihi", body[:10])
    if answered != number:
        return Reply(BROKEN, "the answer is not to our question")
    if error not in _FINE or versions < 1 or len(body) < 10 + 6 * versions:
        return Reply(BROKEN, "the answer is incomplete")
    return Reply(ANSWERED)


def tls_context(client: dict[str, str]) -> ssl.SSLContext | None:
    """Return how librdkafka's `properties` want TLS; None when they want none.

    Raises:
        ValueError: a file of theirs cannot be used; names the property, never its value.
    """
    if client.get("security.protocol", "").upper() not in {"SSL", "SASL_SSL"}:
        return None
    context = ssl.create_default_context()
    if client.get("enable.ssl.certificate.verification", "true").lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif client.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        context.check_hostname = False
    name = "ssl.ca.location"
    try:
        if client.get(name, "probe") != "probe":
            context.load_verify_locations(client[name])
        name = "ssl.ca.pem"
        if name in client:
            context.load_verify_locations(cadata=client[name])
        name = "ssl.certificate.location"
        if name in client:
            word = client.get("ssl.key.password", "")
            context.load_cert_chain(client[name], client.get("ssl.key.location"), lambda: word)
    except OSError:
        raise ValueError(f"{name} of the Kafka client's properties cannot be used; name a readable PEM file") from None
    return context


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition("://")[2].rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else (text.strip(), 9092)
