"""Does an HTTP service serve? Its health URL, on a connection kept alive and on one of its own for each question.

Served means: a complete answer with status 200, the very thing that preflight asks for, so that "up before", "down"
and "back" speak of one and the same. Any other status is a refusal: the service, or a gateway before it, says itself
that it cannot serve. That holds for a 503 too whose cause is a database behind the service: such a service serves
nobody, and must not count as back; the status is in the detail. A gateway's 504 says that the service hangs.

A server that closes after each answer (as HTTP/1.0 does, or `Connection: close`) has no connections to keep: the kept
one is then opened again without a word.
"""

import http.client
import io
import ssl
import time
from typing import Any, Final
from urllib.parse import urlsplit

from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, Reply
from health.spec import ProbeSpec
from health.wire import NoAnswer, Wire

LARGEST_BODY: Final = 1 << 20
GATEWAY_TIMEOUT: Final = 504


class _Stream(io.RawIOBase):
    """What `http.client` reads from: a wire, with its deadline."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._wire.receive(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Readable:
    """The one method of a socket that `http.client.HTTPResponse` calls."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self._wire))


class KeptHttp:
    """A connection that is kept alive, and another one in its place when it is lost.

    Args:
        spec: health URL, headers, certificates.

    Raises:
        ValueError: URL or file cannot be used; one sentence.
    """

    # It hangs for so long at most before it is given up: one that a network has swallowed never gets well.
    PATIENCE_S: Final = 5.0
    keeps = True

    def __init__(self, spec: ProbeSpec) -> None:
        self._place = Place(spec)
        self._wire: Wire | None = None
        self._owed = False
        self._unserved_since: float | None = None

    def ask(self, timeout_s: float) -> Reply:
        """See `health.replies.Prober`."""
        begun = time.monotonic()
        said, reusable = self._ask(begun + timeout_s)
        waits = said.how == HANGING and self._owed
        if said.how == ANSWERED:
            self._unserved_since = None
        else:
            self._unserved_since = self._unserved_since or begun
            waits = waits and begun - self._unserved_since <= self.PATIENCE_S
        if not self.keeps or not (reusable or waits):
            self.close()
        return said

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._wire is not None:
            self._wire.close()
        self._wire, self._owed = None, False

    def _ask(self, deadline: float) -> tuple[Reply, bool]:
        """Return what became of the question, and whether the connection can take another."""
        try:
            if self._wire is None:
                self._wire = self._place.connect(deadline)
            self._wire.deadline = deadline
            if self._owed:
                # The answer to a question that hung comes first; it says nothing of now.
                if not self._read(self._wire)[1]:
                    return Reply(BROKEN, "the connection was closed"), False
                self._owed = False
            self._wire.send(self._place.request)
            self._owed = True
            found = self._read(self._wire)
            self._owed = False
        except NoAnswer as failed:
            return failed.said, False
        except (OSError, http.client.HTTPException, ValueError):
            return Reply(BROKEN, "what came is no whole answer of HTTP"), False
        return found

    def _read(self, wire: Wire) -> tuple[Reply, bool]:
        answer = http.client.HTTPResponse(_Readable(wire), method="GET")  # type: ignore[arg-type]
        begun = False
        try:
            answer.begin()
            begun = True
            body = answer.read(LARGEST_BODY)
        except NoAnswer:
            # Half an answer cannot be taken up again: the next question needs another connection.
            self._owed = self._owed and not begun
            raise
        if answer.length and len(body) < LARGEST_BODY:
            return Reply(BROKEN, "the answer was cut short"), False
        return said_by(answer.status), answer.isclosed() and not answer.will_close


class NewHttp(KeptHttp):
    """A connection of its own for each question."""

    keeps = False


class Place:
    """Where the health URL leads.

    Args:
        spec: see `KeptHttp`.

    Raises:
        ValueError: URL or file cannot be used; one sentence.
    """

    def __init__(self, spec: ProbeSpec) -> None:
        try:
            parts = urlsplit(spec.address)
            port = parts.port
        except ValueError:
            raise ValueError("the health URL has no port that could be one") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the health URL is not one: give http://HOST:PORT/PATH")
        self._host = parts.hostname
        self._port = port or (443 if parts.scheme == "https" else 80)
        self._tls = _context(spec.ca_file) if parts.scheme == "https" else None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        shown = f"[{self._host}]" if ":" in self._host else self._host
        host = shown if port is None else f"{shown}:{port}"
        own = (f"{name}: {value}" for name, value in spec.headers)
        lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "User-Agent: lookout", "Accept: */*", *own, "", "")
        self.request = "\r\n".join(lines).encode()

    def connect(self, deadline: float) -> Wire:
        """Open a connection.

        Raises:
            NoAnswer: it does not come about by `deadline`.
        """
        return Wire(self._host, self._port, deadline, self._tls)


def said_by(status: int) -> Reply:
    """Return what a complete answer with `status` says; see the head of this file."""
    if status == http.client.OK:
        return Reply(ANSWERED)
    return Reply(HANGING if status == GATEWAY_TIMEOUT else REFUSED, f"status {status}")


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        raise ValueError("the CA file of the health URL cannot be used; name a readable PEM file") from None
