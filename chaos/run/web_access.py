"""Access to Locust's web UI: only pages of the harness itself, under a name of this machine.

Locust answers any page that reaches it. A page of another site whose name resolves to this machine (DNS rebinding) is
"same origin" to the browser, so the `Host` header of every request is checked; a page of another origin is recognised
by `Origin`. Both are checked below Flask, so that they hold for every route, error page and upgrade.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from files.paths import reason

# host, [IPv6 address], each with a port or without one; nothing else is a Host header.
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{0,5})?")
_LOOPBACK_NAMES: Final = frozenset({"localhost"})
_ANY: Final = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class HostCheck:
    """A WSGI application in front of Locust's: passes on the requests of the harness's own pages.

    Args:
        web_host: the address that it listens on, as in `--web-host`.
        allowed: further names that the `Host` header may hold.
    """

    def __init__(self, application: Application, web_host: str, allowed: Iterable[str]) -> None:
        self._application = application
        self._loopback_only = web_host not in _ANY and is_loopback(web_host)
        own = socket.gethostname() if web_host in _ANY else web_host
        self._names = _LOOPBACK_NAMES | {name for name in map(plain_name, [own, *allowed]) if name}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST")
        problem = None
        if not self.allows(host):
            shown = "no Host header" if host is None else f"Host {_printable(str(host))}"
            problem = f"{shown}: this page answers to the names of this machine only; --allowed-host NAME adds one"
        elif is_foreign(environ.get("HTTP_ORIGIN"), str(host)):
            problem = "this page is not the harness's own"
        if problem is None:
            return self._application(environ, start_response)
        body = problem.encode() + b"\n"
        start_response(
            "403 Forbidden",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ],
        )
        return [body]

    def allows(self, host: str | None) -> bool:
        """Return whether a request with this `Host` header is answered."""
        name = plain_name(host or "")
        if name is None:
            return False
        if name in self._names:
            return True
        address = _address(name)
        return address is not None and (not self._loopback_only or _is_loopback(address))


def plain_name(host: str) -> str | None:
    """Return the name or address in a `Host` header: lower case, without port, brackets and final dot.

    None when the header holds anything else.
    """
    found = _HOST.fullmatch(host.strip().lower())
    if found is None:
        return None
    if found["six"] is not None:
        address = _address(found["six"])
        return None if address is None else str(address)
    return found["name"].removesuffix(".") or None


def is_loopback(name: str) -> bool:
    """Return whether `name`, a host name or an address, is reachable from this machine alone."""
    plain = name.strip().lower().strip("[]")
    address = _address(plain)
    return plain in _LOOPBACK_NAMES if address is None else _is_loopback(address)


def is_foreign(origin: str | None, host: str) -> bool:
    """Return whether a request comes from a page of another origin.

    Args:
        origin: the `Origin` header; browsers send it with requests that change something, scripts may omit it.
        host: the `Host` header.
    """
    try:
        return origin is not None and urlsplit(origin).netloc.lower() != host.strip().lower()
    except ValueError:  # no address at all
        return True


def port_problem(host: str, port: int) -> str | None:
    """Return why the web UI cannot listen there; None if it can. Locust itself finds out after the stack has started.

    Args:
        host: address or name, as Locust's web UI has it; empty: every address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = reason(error).partition(" (while")[0]
        return f"--web-port {port}: nothing can listen on {host or '*'}:{port} ({why}); give another port"
    return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _printable(text: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text[:80])
