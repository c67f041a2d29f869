"""One HTTP exchange, bounded as a whole, and told apart by how it failed.

Locust's own clients bound each socket operation, so a body that trickles in outlives any timeout, and they fold
transport failures into status 0. A verdict needs to know more: whether a byte may have reached the service. Redirects
are not followed and nothing is ever sent twice.
"""

from dataclasses import dataclass
from http.client import HTTPException

import gevent
from geventhttpclient import HTTPClient

from runlog.outcomes import Failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status of a completely read answer, else None.
        body: its body.
        failure: what went wrong below HTTP.
        reason: the failure in a few constant words, for Locust's table; None without one.
    """

    status: int | None
    body: bytes
    failure: Failure
    reason: str | None


class Exchanger:
    """Sends requests to one base URL over kept connections.

    Args:
        base_url: for example `http://127.0.0.1:8082`.
        connections: most requests that can be under way at once.
        timeout_s: bound of one whole request in seconds, connecting and reading included.
    """

    def __init__(self, base_url: str, connections: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client = HTTPClient.from_url(
            base_url, concurrency=connections, connection_timeout=timeout_s, network_timeout=timeout_s
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
            # geventhttpclient's parse errors are HTTPExceptions; a connection that was closed early is among them.
            return Answer(None, b"", Failure.RESET, f"connection broken ({type(error).__name__})")

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def _read(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        response = self._client.post(path, body, headers)
        try:
            content = bytes(response.read())
        finally:
            # A body that was not read to its end leaves the connection unusable: this closes it, else it goes back.
            response.release()
        return Answer(response.status_code, content, Failure.NONE, None)
