"""Does an HTTP service serve? Its health URL, on a connection that is kept alive and on a new one for each question.

The one rule, for preflight, monitor and watchdog alike, so that "up before", "down" and "back" mean the same: a
complete answer with status 200 whose body, where it is a JSON object with a `status`, says that the service is healthy.
Any other answer is a refusal: the service, or a gateway before it, says itself that it cannot serve. That holds for a
503 whose cause is a database behind the service: such a service serves no client and must not count as back. Redirects
are not followed: they could carry the headers to another host. A gateway's 504 means that the service hangs.

A server that closes the connection after each answer (as HTTP/1.0 does, or `Connection: close`) has no connections to
keep: the kept one is then reopened silently.
"""

import http.client
import json
import re
import time
from typing import Final

from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, Reply
from health.request import Endpoint, HalfAnswer, HttpAnswer, read_answer
from health.spec import ProbeSpec
from health.wire import NoAnswer, Wire

# Of an unhealthy answer's body, so many characters are shown.
SHOWN: Final = 120
# What services say of themselves when they are healthy: Spring, NestJS, health+json (a warning still serves), gRPC.
HEALTHY: Final = frozenset(
    ("up", "ok", "okay", "pass", "passing", "warn", "healthy", "alive", "ready", "available", "serving", "success")
)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def judge(answer: HttpAnswer, endpoint: Endpoint) -> Reply:
    """Return what a complete answer of a health URL says; the rule at the head of this file."""
    status = answer.status
    if status == http.client.OK:
        word = _status_of(answer.body)
        if word is None or word.lower() in HEALTHY:
            return Reply(ANSWERED, word or "200")
        return Reply(REFUSED, endpoint.mask(f"status 200, but it says of itself: {word}"))
    if answer.location:
        where = answer.location.partition("?")[0]
        return Reply(REFUSED, endpoint.mask(f"status {status}, a redirect to {where}, which is not followed"))
    words = _words(answer.body)
    detail = endpoint.mask(f"status {status}: {words}" if words else f"status {status}")
    return Reply(HANGING if status == http.client.GATEWAY_TIMEOUT else REFUSED, detail)


class KeptHttp:
    """A connection that is kept alive, and another one in its place when it is lost.

    Args:
        spec: health URL, headers, certificates.

    Raises:
        ValueError: URL or file cannot be used; one sentence.
    """

    # Longest hang before reconnecting: a connection that the network dropped never recovers.
    PATIENCE_S: Final = 5.0
    keeps = True

    def __init__(self, spec: ProbeSpec) -> None:
        self._endpoint = Endpoint(spec.address, spec.headers, spec.ca_file)
        self._wire: Wire | None = None
        self._owed = False
        self._unserved_since: float | None = None

    def ask(self, timeout_s: float) -> Reply:
        begun = time.monotonic()
        reply, reusable = self._ask(begun + timeout_s)
        waits = reply.how == HANGING and self._owed
        if reply.how == ANSWERED:
            self._unserved_since = None
        else:
            self._unserved_since = self._unserved_since or begun
            waits = waits and begun - self._unserved_since <= self.PATIENCE_S
        if not self.keeps or not (reusable or waits):
            self.close()
        return reply

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._wire is not None:
            self._wire.close()
        self._wire, self._owed = None, False

    def _ask(self, deadline: float) -> tuple[Reply, bool]:
        """Return what became of the question, and whether the connection can take another."""
        try:
            if self._wire is None:
                self._wire = self._endpoint.connect(deadline)
            self._wire.deadline = deadline
            if self._owed:
                # The answer to a question that hung comes first; it says nothing of now.
                if not self._read(self._wire)[1]:
                    return Reply(BROKEN, "the connection was closed"), False
                self._owed = False
            self._wire.send(self._endpoint.request())
            self._owed = True
            found = self._read(self._wire)
            self._owed = False
        except NoAnswer as failed:
            return failed.reply, False
        except (OSError, http.client.HTTPException, ValueError):
            return Reply(BROKEN, "the answer is not complete HTTP"), False
        return found

    def _read(self, wire: Wire) -> tuple[Reply, bool]:
        try:
            answer, reusable = read_answer(wire)
        except HalfAnswer:
            # Half an answer cannot be taken up again: the next question needs another connection.
            self._owed = False
            raise
        return judge(answer, self._endpoint), reusable


class NewHttp(KeptHttp):
    """A connection of its own for each question."""

    keeps = False


def _status_of(body: bytes) -> str | None:
    """Return what a JSON body says of the service's state, None when it says nothing that is a word or a yes or no."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    word = document.get("status") if isinstance(document, dict) else None
    if isinstance(word, bool):
        return "ok" if word else "false"
    return word.strip() or None if isinstance(word, str) else None


def _words(body: bytes) -> str:
    """Return the start of a body as one line; of a page its title."""
    text = body[: 1 << 14].decode(errors="replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = title[1] if title else ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
