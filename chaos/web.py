"""Plain HTTP questions to the service under test, with what it wants of its callers: headers and certificates.

The headers may be secrets: they go to the service's own host and to nobody else, and redirects are not followed.
"""

import ssl
import urllib.error
import urllib.request
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from chaos.subject import Subject


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: following it could carry the headers elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""
        return


def ask(
    subject: Subject, url: str, timeout_s: float, body: bytes | None = None, headers: dict[str, str] | None = None
) -> HTTPResponse:
    """GET `url`, or POST `body` to it, and return the answer.

    Raises:
        urllib.error.HTTPError: an answer that is no 2xx.
        OSError: no answer.
    """
    own = urlsplit(url)[:2] == urlsplit(subject.service_url)[:2]
    sent = {**(headers or {}), **(dict(subject.headers) if own else {})}
    request = urllib.request.Request(url, body, sent)  # noqa: S310
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=_context(subject)))
    return opener.open(request, timeout=timeout_s)  # type: ignore[no-any-return]


def connect(subject: Subject, timeout_s: float) -> HTTPConnection:
    """Return a connection to the service that is opened with its first request."""
    place = urlsplit(subject.service_url)
    if place.scheme == "https":
        return HTTPSConnection(place.hostname or "", place.port, timeout=timeout_s, context=_context(subject))
    return HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)


def _context(subject: Subject) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=subject.ca_file or None)
