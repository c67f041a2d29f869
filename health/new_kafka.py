"""Does a Kafka broker serve new clients? Asked on a connection of its own for each question.

That is a socket (TLS where the properties say so) with one `ApiVersions` request, which a broker answers before it asks
who we are. Only a complete answer to just this request counts: an open port proves nothing.
"""

import random
import ssl
import struct
import time
from typing import Final

from health.replies import ANSWERED, BROKEN, REFUSED, Reply
from health.spec import ProbeSpec
from health.wire import NoAnswer, Wire

_API_VERSIONS: Final = 18
_LARGEST_ANSWER: Final = 1 << 20
# Any client may ask for a version that the broker no longer has: the answer says so, and is one.
_FINE: Final = (0, 35)


class NewKafka:
    """A socket of its own for each question.

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
    body = struct.pack(">hhi", _API_VERSIONS, 0, number) + struct.pack(">h", 7) + b"monitor"
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
