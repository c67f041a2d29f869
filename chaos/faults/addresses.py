"""One spelling for each address of a target, so that the same target is recognised however it was written."""

from typing import Final

_LOCAL: Final = frozenset({"localhost", "[::1]"})


def canonical(address: str) -> str:
    """Return `address` in one spelling, for comparisons, not for connections.

    Args:
        address: `host:port[,host:port]` of Kafka, the same and `/database` of PostgreSQL, or a URL.
    """
    scheme, mark, rest = address.rpartition("://")
    places, slash, path = rest.partition("/")
    if not places:
        return address  # a socket's folder
    named = sorted(_canonical_place(place.strip().lower()) for place in places.split(","))
    return scheme.lower() + mark + ",".join(named) + slash + path


def _canonical_place(place: str) -> str:
    host, colon, port = place.rpartition(":")
    if not colon:
        return "127.0.0.1" if place in _LOCAL else place
    return f"127.0.0.1:{port}" if host in _LOCAL else place
