"""One HTTP exchange: bounded as a whole, and classified by how it failed.

Locust's own clients bound each socket operation, so a body that trickles in outlasts any timeout, and they report all
transport failures as status 0. A verdict needs more: whether a byte may have reached the service. Redirects are not
followed, and nothing is sent twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import gevent
from geventhttpclient import HTTPClient

from runlog.outcomes import Failure


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, or how the exchange failed.

    Attributes:
        status: HTTP status of a completely read answer, else None.
        failure: what went wrong below HTTP.
        reason: the failure in a few constant words, for Locust's table; None without one.
        headers: of the answer, names in lower case.
    """

    status: int | None
    body: bytes
    failure: Failure
    reason: str | None
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


class Exchanger:
    """Sends requests to one base URL over kept connections.

    Args:
        base_url: for example `http://127.0.0.1:8082`, or `https://shop.test/base`: paths go below its own.
        connections: most requests that can be under way at once.
        timeout_s: bound of one whole request in seconds, connecting and reading included.
        ca_file: certificates that an https service is trusted by; empty: those that come with certifi.
    """

    def __init__(self, base_url: str, connections: int, timeout_s: float, ca_file: str = "") -> None:
        self._timeout_s = timeout_s
        self._below = urlsplit(base_url).path.rstrip("/")
        trusted: dict[str, Any] = {"ssl_options": {"ca_certs": ca_file}} if ca_file else {}
        self._client = HTTPClient.from_url(
            base_url, concurrency=connections, connection_timeout=timeout_s, network_timeout=timeout_s, **trusted
        )

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send `body` and return the answer, or how it failed; never raises for a failed exchange."""
        bound = gevent.Timeout(self._timeout_s)
        try:
            with bound:
                return self._read(path, body, headers)
        except gevent.Timeout as expired:
            if expired is not bound:  # the caller's own
                raise
            return Answer(None, b"", Failure.TIMEOUT, "no answer within the request timeout")
        except ConnectionRefusedError:
            return Answer(None, b"", Failure.REFUSED, "connection refused")
        except TimeoutError:
            return Answer(None, b"", Failure.TIMEOUT, "no answer within the request timeout")
        except (OSError, HTTPException) as error:
            # geventhttpclient raises HTTPException for an answer that it cannot parse or that ended early.
            return Answer(None, b"", Failure.RESET, f"connection broken ({type(error).__name__})")

    def close(self) -> None:
        self._client.close()

    def _read(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        response = self._client.post(self._below + path, body, headers)
        try:
            content = bytes(response.read())
        finally:
            # Returns the connection to the pool, or closes it where the body was not read to its end.
            response.release()
        headers = {str(name).lower(): str(value) for name, value in response.items()}
        return Answer(response.status_code, content, Failure.NONE, None, headers)
