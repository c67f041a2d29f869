"""HTTP questions, each bounded in total, with the headers and certificates that the service requires.

Headers may be secrets: they go to the address that is asked and to no other, so redirects are not followed. Proxies of
the environment are not used: the load does not use them either.
"""

import http.client
import io
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from health.replies import BROKEN, Reply
from health.wire import NoAnswer, Wire
from redaction.masking import mask_line

LARGEST_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer.

    Attributes:
        body: at most the first LARGEST_BODY bytes.
        location: where a redirect leads; empty without one.
    """

    status: int
    body: bytes = field(repr=False)
    location: str = ""


class Endpoint:
    """Where an HTTP question goes, and what is sent with it.

    Args:
        url: http or https.
        headers: sent with each question; secret.
        ca_file: certificates (PEM) by which an https server is trusted; empty: those of this machine.

    Raises:
        ValueError: URL or file cannot be used; one sentence without secrets.
    """

    def __init__(self, url: str, headers: Iterable[tuple[str, str]] = (), ca_file: str = "") -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("the port of the URL is not a port number") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the URL is not one: give http://HOST:PORT/PATH")
        self._host = parts.hostname
        self._port = port or (443 if parts.scheme == "https" else 80)
        self._tls = tls_context(ca_file) if parts.scheme == "https" else None
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        shown = f"[{self._host}]" if ":" in self._host else self._host
        host = shown if port is None else f"{shown}:{port}"
        self.address = f"{parts.scheme}://{host}{parts.path}"
        headers = tuple(headers)
        self._secrets = [value for _, value in (*headers, *parse_qsl(parts.query))] + [parts.password or ""]
        self._lines = (f"Host: {host}", *(f"{name}: {value}" for name, value in _with_defaults(headers)))

    def request(self, method: str = "GET", body: bytes | None = None) -> bytes:
        """Return a request as it goes over the wire."""
        sized = () if body is None else (f"Content-Length: {len(body)}",)
        lines = (f"{method} {self._path} HTTP/1.1", *self._lines, *sized, "", "")
        return "\r\n".join(lines).encode() + (body or b"")

    def connect(self, deadline: float) -> Wire:
        """Open a connection.

        Raises:
            NoAnswer: there is none by `deadline`.
        """
        return Wire(self._host, self._port, deadline, self._tls)

    def mask(self, text: str) -> str:
        """Return `text` in one line without the secrets that are sent here."""
        return mask_line(text, self._secrets)


class HalfAnswer(NoAnswer):
    """An answer began and did not come to its end in time."""


def fetch(endpoint: Endpoint, timeout_s: float, method: str = "GET", body: bytes | None = None) -> HttpAnswer:
    """Ask once on a new connection and return the answer, whatever its status; redirects are not followed.

    Args:
        timeout_s: seconds for all of it.

    Raises:
        NoAnswer: no complete answer came in time.
    """
    wire = endpoint.connect(time.monotonic() + timeout_s)
    try:
        wire.send(endpoint.request(method, body))
        return read_answer(wire)[0]
    except (OSError, http.client.HTTPException, ValueError):
        raise NoAnswer(Reply(BROKEN, "the answer is not complete HTTP")) from None
    finally:
        wire.close()


def read_answer(wire: Wire) -> tuple[HttpAnswer, bool]:
    """Return the answer that comes next, and whether the connection can take another request.

    Raises:
        NoAnswer: it did not come to its end; HalfAnswer if it had begun.
        http.client.HTTPException, ValueError, OSError: it is no answer of HTTP.
    """
    found = http.client.HTTPResponse(_Readable(wire), method="GET")  # type: ignore[arg-type]
    found.begin()
    try:
        body = found.read(LARGEST_BODY)
    except NoAnswer as failed:
        raise HalfAnswer(failed.reply) from None
    if found.length and len(body) < LARGEST_BODY:
        raise HalfAnswer(Reply(BROKEN, "the answer was cut short"))
    redirect = 300 <= found.status < 400
    answer = HttpAnswer(found.status, body, (found.getheader("Location") or "") if redirect else "")
    return answer, found.isclosed() and not found.will_close


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return how an https server is trusted.

    Raises:
        ValueError: the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        raise ValueError(f"the CA file {ca_file} cannot be used; name a readable PEM file") from None


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


def _with_defaults(headers: tuple[tuple[str, str], ...]) -> Iterable[tuple[str, str]]:
    given = {name.lower() for name, _ in headers}
    ours = (("User-Agent", "locust-chaos-harness"), ("Accept", "*/*"))
    return (*(one for one in ours if one[0].lower() not in given), *headers)
