"""HTTP requests to the service under test, with the headers and certificates that it requires.

The headers may be secrets: they go to the service's own host only, and redirects are not followed.
"""

from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from chaos.sut.sut import SystemUnderTest
from health.request import Endpoint, HttpAnswer, fetch, tls_context

JSON = (("Content-Type", "application/json"),)


def ask(sut: SystemUnderTest, url: str, timeout_s: float, body: bytes | None = None) -> HttpAnswer:
    """GET `url`, or POST the JSON text `body` to it, and return the answer whatever its status.

    Raises:
        NoAnswer: no complete answer within `timeout_s` seconds.
    """
    own = urlsplit(url)[:2] == urlsplit(sut.service_url)[:2]
    headers = (sut.headers if own else ()) + (() if body is None else JSON)
    return fetch(Endpoint(url, headers, sut.ca_file), timeout_s, "GET" if body is None else "POST", body)


def connect(sut: SystemUnderTest, timeout_s: float) -> HTTPConnection:
    """Return a connection to the service that is opened with its first request."""
    place = urlsplit(sut.service_url)
    if place.scheme == "https":
        context = tls_context(sut.ca_file)
        return HTTPSConnection(place.hostname or "", place.port, timeout=timeout_s, context=context)
    return HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)
